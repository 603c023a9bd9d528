// Everything of cpp/MoliereShowers.hh that a test looks at, as lines "what number number …".
#include HEADER

#include "MoliereShowers.hh"

#include <cstdio>
#include <cstdlib>

namespace {

moliere::Particle particle(double energy, const moliere::Vector& position, const moliere::Vector& direction,
                           std::uint32_t track)
{
  return {energy, 22, position, direction, 1, 2, track};
}

void print(moliere::Showers& showers)
{
  showers.flush([](std::size_t number, const moliere::Vector& place, double energy) {
    std::printf("deposit %zu %.17g %.17g %.17g %.17g\n", number, place[0], place[1], place[2], energy);
  });
}

}  // namespace

int main()
{
  moliere::Showers showers(MODEL_OF);
  std::printf("depth %.17g\n", showers.model().depth());
  for (double energy : {100., 256., 1e5, std::nan("")})
    std::printf("look %d\n", showers.look(particle(energy, {}, {0, 0, 1}, 0)));
  moliere::Particle strange = particle(1000., {}, {0, 0, 1}, 0);
  strange.pdg = 13;
  std::printf("look %d\n", showers.look(strange));

  moliere::Vector const barrel{0.3, 0.5, std::sqrt(0.66)};
  std::printf("angles %.17g %.17g\n", moliere::theta(barrel), moliere::phi(barrel));
  moliere::Model half = MODEL_OF;
  std::printf("slant %.17g\n", moliere::Showers(half).slant(barrel));
  half.names[1] = "theta";
  std::printf("slant %.17g\n", moliere::Showers(half).slant({0, 0.5, std::sqrt(0.75)}));
  std::printf("slant %.17g\n", moliere::Showers(half).slant({0.5, 0, std::sqrt(0.75)}));
  half.names[0] = "phi";
  std::printf("slant %.17g\n", moliere::Showers(half).slant(barrel));

  moliere::Frame const frame({1, 2, 3}, {0.6, 0, 0.8});
  for (auto inner : {std::array<float, 3>{1, 0, 0}, std::array<float, 3>{0, 1, 0}, std::array<float, 3>{0, 0, 1}}) {
    moliere::Vector const outer = frame.place(inner.data());
    std::printf("frame %.17g %.17g %.17g\n", outer[0], outer[1], outer[2]);
  }

  showers.add(particle(1000., {0, 0, 0}, {0, 0, 1}, 5));
  showers.add(particle(2000., {10, 20, 30}, {0.6, 0, 0.8}, 6));
  showers.add(particle(1000., {0, 0, 0}, {1, 0, 0}, 7));
  print(showers);
  std::printf("waiting %zu\n", showers.waiting());
  std::printf("again\n");
  showers.add(particle(2000., {10, 20, 30}, {0.6, 0, 0.8}, 6));
  print(showers);
  std::printf("nothing\n");
  print(showers);

  try {
    moliere::Model other = MODEL_OF;
    other.names[0] = "rigidity";
    moliere::Showers refused(other);
  } catch (const std::invalid_argument& error) {
    std::printf("refused %s\n", error.what());
  }
  return 0;
}

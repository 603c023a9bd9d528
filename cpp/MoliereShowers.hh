// Showers of an exported model: which particles it takes, their showers made together, where the energy goes.
//
// Nothing here depends on Geant4. Lengths are in mm, energies in MeV, both of which are 1 in Geant4's units.
#ifndef MOLIERE_SHOWERS_HH
#define MOLIERE_SHOWERS_HH

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace moliere {

using Vector = std::array<double, 3>;

/// The functions and tables of one model, as `moliere export --target c` writes them; made by MOLIERE_MODEL.
struct Model {
  int channels, latent, columns;
  std::size_t workspace;
  std::vector<std::string> names;  ///< of the condition's columns
  std::vector<int> particles;      ///< PDG identifiers that it was trained for; give them where there are none
  int n_spots;                     ///< places where energy is put
  const int* spot_channel;         ///< the channel that each spot belongs to
  const float* spot_share;         ///< of the channel's energy
  const float (*spot_place)[3];    ///< x, y, z in mm; z along the particle, from where it enters
  int (*check)(const double*);
  void (*draw)(std::uint32_t, std::uint32_t, std::uint32_t, float*);
  void (*generate)(const float*, const double*, int, float*, void*);

  /// How far the spots reach along the particle.
  double depth() const
  {
    double deepest = 0;
    for (int k = 0; k < n_spots; ++k) deepest = std::max<double>(deepest, spot_place[k][2]);
    return deepest;
  }

  bool has(const char* name) const { return std::find(names.begin(), names.end(), name) != names.end(); }
  /// Whether its showers come straight in, wherever the calorimeter's face looks: no angle is among its columns.
  bool straight() const { return !has("theta") && !has("phi") && !has("eta"); }
};

/// Angles as in moliere: theta from the y axis, which is the beam line of a barrel; phi around it, from z, the depth.
inline double theta(const Vector& direction)
{
  return std::atan2(std::hypot(direction[0], direction[2]), direction[1]);
}
inline double phi(const Vector& direction) { return std::atan2(direction[0], direction[2]); }

/// MOLIERE_MODEL(photons, PHOTONS) for photons.h
#define MOLIERE_MODEL(name, NAME)                                                                                 \
  ::moliere::Model                                                                                                \
  {                                                                                                               \
    NAME##_CHANNELS, NAME##_LATENT, NAME##_COLUMNS, NAME##_WORKSPACE, NAME##_COLUMN_NAMES, NAME##_PARTICLES,      \
      NAME##_SPOTS, name##_spot_channel, name##_spot_share, name##_spot_place,                                    \
      [](const double* condition) { return static_cast<int>(name##_check(condition)); }, name##_draw,             \
      name##_generate                                                                                             \
  }

/// A particle that enters the calorimeter.
struct Particle {
  double energy;       ///< MeV, as the model was trained: kinetic energy of electrons, energy of photons
  int pdg;             ///< PDG identifier
  Vector position;     ///< mm, where it enters
  Vector direction;    ///< of length 1
  std::uint32_t run, event, track;  ///< whose latent it has
};

/// Why a particle is left to the full simulation. The order is that of the range in C, then what only we can see.
enum Verdict { kInside, kBelow, kAbove, kNan, kStrange, kSlanted, kLeaving, kVerdicts };

inline const char* describe(Verdict verdict)
{
  static const char* const words[kVerdicts] = {"taken over",       "below the range",         "above the range",
                                               "not a number", "not among its particles",
                                               "of another direction than its showers", "leaving the envelope"};
  return words[verdict];
}

/// Right-handed axes with z along a direction; x is the nearest to the outer x axis, or to y where those are parallel.
class Frame {
 public:
  Frame(const Vector& origin, const Vector& direction) : origin_(origin), z_(direction)
  {
    Vector const outer = std::fabs(direction[0]) < 0.9 ? Vector{1, 0, 0} : Vector{0, 1, 0};
    double const along = outer[0] * z_[0] + outer[1] * z_[1] + outer[2] * z_[2];
    double length = 0;
    for (int k = 0; k < 3; ++k) {
      x_[k] = outer[k] - along * z_[k];
      length += x_[k] * x_[k];
    }
    for (double& value : x_) value /= std::sqrt(length);
    for (int k = 0; k < 3; ++k) y_[k] = z_[(k + 1) % 3] * x_[(k + 2) % 3] - z_[(k + 2) % 3] * x_[(k + 1) % 3];
  }

  Vector place(const float* inner) const
  {
    Vector outer{};
    for (int k = 0; k < 3; ++k)
      outer[k] = origin_[k] + inner[0] * x_[k] + inner[1] * y_[k] + inner[2] * z_[k];
    return outer;
  }

 private:
  Vector origin_, x_{}, y_{}, z_;
};

/// Collects particles and makes their showers together; each thread has its own.
class Showers {
 public:
  explicit Showers(Model model)
    : model_(std::move(model)), looked_at_(static_cast<std::size_t>(model_.columns)), workspace_(model_.workspace)
  {
    look({1, 22, {}, {0, 0, 1}, 0, 0, 0});  // so that a column that nobody can fill is noticed before the first event
  }

  const Model& model() const { return model_; }
  std::size_t waiting() const { return particles_.size(); }

  /// Whether the model was trained for such a particle.
  Verdict look(const Particle& particle)
  {
    fill(particle, looked_at_.data());
    return static_cast<Verdict>(model_.check(looked_at_.data()));
  }

  /// Angle in rad between a direction and the training's, for a model that has theta without phi, or the other way round.
  double slant(const Vector& direction) const
  {
    if (model_.straight()) return 0;
    bool const has_theta = model_.has("theta") || model_.has("eta");
    double const polar = has_theta ? theta(direction) : std::acos(0.0), azimuth = model_.has("phi") ? phi(direction) : 0;
    Vector const usual{std::sin(polar) * std::sin(azimuth), std::cos(polar), std::sin(polar) * std::cos(azimuth)};
    double cosine = 0;
    for (int k = 0; k < 3; ++k) cosine += usual[k] * direction[k];
    return std::acos(std::min(1.0, std::max(-1.0, cosine)));
  }

  void add(const Particle& particle) { particles_.push_back(particle); }

  /// Make the showers of all particles that wait, and call deposit(number of the particle, place, energy) for each spot
  /// that has energy. The particles are forgotten.
  template <class Deposit>
  void flush(Deposit&& deposit)
  {
    make();
    for (std::size_t shower = 0; shower < particles_.size(); ++shower) {
      const float* signals = signals_.data() + shower * static_cast<std::size_t>(model_.channels);
      Frame const frame(particles_[shower].position, particles_[shower].direction);
      for (int k = 0; k < model_.n_spots; ++k) {
        double const energy = static_cast<double>(signals[model_.spot_channel[k]]) * model_.spot_share[k];
        if (energy > 0) deposit(shower, frame.place(model_.spot_place[k]), energy);
      }
    }
    particles_.clear();
  }

 private:
  void make()
  {
    std::size_t const n = particles_.size();
    latent_.resize(n * static_cast<std::size_t>(model_.latent));
    condition_.resize(n * static_cast<std::size_t>(model_.columns));
    signals_.resize(n * static_cast<std::size_t>(model_.channels));
    for (std::size_t k = 0; k < n; ++k) {
      const Particle& own = particles_[k];
      model_.draw(own.run, own.event, own.track, latent_.data() + k * static_cast<std::size_t>(model_.latent));
      fill(own, condition_.data() + k * static_cast<std::size_t>(model_.columns));
    }
    model_.generate(latent_.data(), condition_.data(), static_cast<int>(n), signals_.data(), workspace_.data());
  }

  void fill(const Particle& particle, double* condition) const
  {
    for (const std::string& name : model_.names) *condition++ = value(particle, name);
  }

  static double value(const Particle& particle, const std::string& name)
  {
    if (name == "energy") return particle.energy;
    if (name == "pdg_id") return particle.pdg;
    if (name == "theta") return theta(particle.direction);
    if (name == "phi") return phi(particle.direction);
    if (name == "eta") return std::atanh(particle.direction[1]);
    throw std::invalid_argument("the model is conditioned on '" + name
                                + "', which a particle at the calorimeter's face does not have; use another model");
  }

  Model model_;
  std::vector<double> looked_at_;
  std::vector<Particle> particles_;
  std::vector<float> latent_, signals_;
  std::vector<double> condition_;
  std::vector<unsigned char> workspace_;
};

}  // namespace moliere

#endif

#include "MoliereFastSimModel.hh"

#include "G4DynamicParticle.hh"
#include "G4Event.hh"
#include "G4EventManager.hh"
#include "G4FastHit.hh"
#include "G4ParticleDefinition.hh"
#include "G4Run.hh"
#include "G4RunManager.hh"
#include "G4SystemOfUnits.hh"
#include "G4VSolid.hh"

#include <algorithm>
#include <cfloat>

namespace {

moliere::Vector Plain(const G4ThreeVector& vector) { return {vector.x(), vector.y(), vector.z()}; }

}  // namespace

MoliereFastSimModel::MoliereFastSimModel(const G4String& name, G4Region* region, moliere::Model model, Limits limits)
  : G4VFastSimulationModel(name, region), showers_(std::move(model)), limits_(limits)
{
  if (limits_.depth <= 0) limits_.depth = showers_.model().depth();
  if (showers_.model().particles.empty())
    G4Exception("MoliereFastSimModel", "moliere001", FatalException,
                "the model does not say which particles it was trained for: fill Model::particles");
}

G4bool MoliereFastSimModel::IsApplicable(const G4ParticleDefinition& particle)
{
  const std::vector<int>& known = showers_.model().particles;
  return std::find(known.begin(), known.end(), particle.GetPDGEncoding()) != known.end();
}

moliere::Particle MoliereFastSimModel::Describe(const G4FastTrack& track) const
{
  const G4Track& primary = *track.GetPrimaryTrack();
  const G4Run* run = G4RunManager::GetRunManager()->GetCurrentRun();
  const G4Event* event = G4EventManager::GetEventManager()->GetConstCurrentEvent();
  return {primary.GetKineticEnergy() / MeV,
          primary.GetParticleDefinition()->GetPDGEncoding(),
          Plain(track.GetPrimaryTrackLocalPosition()),
          Plain(track.GetPrimaryTrackLocalDirection()),
          static_cast<std::uint32_t>(run ? run->GetRunID() : 0),
          static_cast<std::uint32_t>(event ? event->GetEventID() : 0),
          static_cast<std::uint32_t>(primary.GetTrackID())};
}

G4bool MoliereFastSimModel::Slanted(const G4FastTrack& track) const
{
  G4ThreeVector const along = track.GetPrimaryTrackLocalDirection();
  G4double angle = showers_.slant(Plain(along));
  if (showers_.model().straight())
    angle = along.angle(-track.GetEnvelopeSolid()->SurfaceNormal(track.GetPrimaryTrackLocalPosition()));
  return angle > limits_.angle * deg;
}

G4bool MoliereFastSimModel::Leaving(const G4FastTrack& track) const
{
  const G4VSolid& solid = *track.GetEnvelopeSolid();
  G4ThreeVector const from = track.GetPrimaryTrackLocalPosition(), along = track.GetPrimaryTrackLocalDirection();
  G4double const left = solid.DistanceToOut(from, along);
  // in an envelope that is thinner than two limits, front and back do not count as sides
  return left < limits_.depth || solid.DistanceToOut(from + along * left / 2) < std::min(limits_.side, 0.45 * left);
}

moliere::Verdict MoliereFastSimModel::Look(const G4FastTrack& track)
{
  moliere::Verdict const verdict = showers_.look(Describe(track));
  if (verdict != moliere::kInside) return verdict;
  if (Slanted(track)) return moliere::kSlanted;
  return Leaving(track) ? moliere::kLeaving : moliere::kInside;
}

G4bool MoliereFastSimModel::ModelTrigger(const G4FastTrack& track)
{
  G4double const since = track.GetEnvelopeSolid()->DistanceToOut(track.GetPrimaryTrackLocalPosition(),
                                                                 -track.GetPrimaryTrackLocalDirection());
  if (since > limits_.face) return false;  // inside a shower of the full simulation
  moliere::Verdict const verdict = Look(track);
  if (verdict != moliere::kInside) ++counts_[verdict];
  return verdict == moliere::kInside;
}

void MoliereFastSimModel::DoIt(const G4FastTrack& track, G4FastStep& step)
{
  step.KillPrimaryTrack();
  step.ProposePrimaryTrackPathLength(0.);
  showers_.add(Describe(track));
  ++counts_[moliere::kInside];
  const G4Track& primary = *track.GetPrimaryTrack();
  Waiting own;
  own.track = std::make_unique<G4Track>(new G4DynamicParticle(*primary.GetDynamicParticle()), primary.GetGlobalTime(),
                                        primary.GetPosition());
  own.track->SetTrackID(primary.GetTrackID());
  own.track->SetParentID(primary.GetParentID());
  own.track->SetWeight(primary.GetWeight());
  own.track->SetTouchableHandle(primary.GetTouchableHandle());
  // now, because the navigator stands where the particle is; in Flush it stands somewhere else
  own.fast = std::make_unique<G4FastTrack>(track.GetEnvelope(), false);
  own.fast->SetCurrentTrack(*own.track);
  waiting_.push_back(std::move(own));
}

void MoliereFastSimModel::Flush()
{
  if (waiting_.empty()) return;
  if (!located_) {
    // the hit maker puts its very first hit where the track is, whatever the hit says; this one has no energy to speak of
    hits_.make(G4FastHit(waiting_[0].fast->GetPrimaryTrackLocalPosition(), DBL_MIN), *waiting_[0].fast);
    located_ = true;
  }
  showers_.flush([this](std::size_t number, const moliere::Vector& place, double energy) {
    hits_.make(G4FastHit(G4ThreeVector(place[0] * mm, place[1] * mm, place[2] * mm), energy * MeV),
               *waiting_[number].fast);
  });
  waiting_.clear();
}

void MoliereFastSimModel::PrintCounts() const
{
  for (int verdict = 0; verdict < moliere::kVerdicts; ++verdict)
    if (counts_[verdict] > 0)
      G4cout << GetName() << ": " << counts_[verdict] << " times "
             << moliere::describe(static_cast<moliere::Verdict>(verdict)) << G4endl;
}

// A fast-simulation model of Geant4 whose showers an exported model makes, those of one event together.
#ifndef MOLIERE_FAST_SIM_MODEL_HH
#define MOLIERE_FAST_SIM_MODEL_HH

#include "MoliereShowers.hh"

#include "G4FastSimHitMaker.hh"
#include "G4FastTrack.hh"
#include "G4Track.hh"
#include "G4VFastSimulationModel.hh"

#include <array>
#include <memory>
#include <vector>

/// Takes particles that enter the envelope off the full simulation. DoIt only writes a particle down; Flush, which
/// Geant4 calls when the event's stack is empty, makes all showers together and puts their energy at the cells' centres.
///
/// One object a thread: make it in ConstructSDandField.
class MoliereFastSimModel : public G4VFastSimulationModel {
 public:
  /// Where a particle may be taken over; lengths in mm.
  struct Limits {
    double face = 1.0;   ///< farthest from where its line enters the envelope: the model saw whole showers only
    double depth = 0.0;  ///< shortest way left inside the envelope; 0 stands for the depth of the model's cells
    double side = 50.0;  ///< nearest that the middle of that way comes to the envelope's surface, or shower leaks out
    double angle = 1.0;  ///< degrees from the training's direction: straight in, where the model has no angles
  };

  /// @param region the envelope, of the mass geometry
  /// @param model of MOLIERE_MODEL
  MoliereFastSimModel(const G4String& name, G4Region* region, moliere::Model model, Limits limits);
  MoliereFastSimModel(const G4String& name, G4Region* region, moliere::Model model)
    : MoliereFastSimModel(name, region, std::move(model), Limits())
  {}

  G4bool IsApplicable(const G4ParticleDefinition& particle) override;
  G4bool ModelTrigger(const G4FastTrack& track) override;
  void DoIt(const G4FastTrack& track, G4FastStep& step) override;
  void Flush() override;

  /// How many particles that entered were taken over, and why others were left to the full simulation.
  const std::array<std::size_t, moliere::kVerdicts>& Counts() const { return counts_; }
  void PrintCounts() const;

 private:
  /// What hits need of a particle that is gone by the time its shower is made.
  struct Waiting {
    std::unique_ptr<G4Track> track;
    std::unique_ptr<G4FastTrack> fast;
  };

  moliere::Particle Describe(const G4FastTrack& track) const;
  G4bool Slanted(const G4FastTrack& track) const;
  G4bool Leaving(const G4FastTrack& track) const;
  moliere::Verdict Look(const G4FastTrack& track);

  moliere::Showers showers_;
  Limits limits_;
  std::vector<Waiting> waiting_;
  std::array<std::size_t, moliere::kVerdicts> counts_{};
  G4FastSimHitMaker hits_;
  bool located_ = false;
};

#endif

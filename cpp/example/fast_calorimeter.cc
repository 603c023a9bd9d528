// Photons on a block of lead and argon, ten in each event, whose showers an exported model makes.
//
//   fast_calorimeter [events [GeV [macro]]]        the macro runs before Geant4 is initialised
#include MODEL_HEADER

#include "MoliereFastSimModel.hh"

#include "FTFP_BERT.hh"
#include "G4Box.hh"
#include "G4FastSimulationPhysics.hh"
#include "G4LogicalVolume.hh"
#include "G4NistManager.hh"
#include "G4ParticleGun.hh"
#include "G4ParticleTable.hh"
#include "G4PVPlacement.hh"
#include "G4Region.hh"
#include "G4RunManagerFactory.hh"
#include "G4SDManager.hh"
#include "G4SystemOfUnits.hh"
#include "G4UImanager.hh"
#include "G4UserRunAction.hh"
#include "G4VFastSimSensitiveDetector.hh"
#include "G4VSensitiveDetector.hh"
#include "G4VUserActionInitialization.hh"
#include "G4VUserDetectorConstruction.hh"
#include "G4VUserPrimaryGeneratorAction.hh"

#include <cstdlib>

namespace {

/// Sums what is deposited, by full and by fast simulation.
class Sum : public G4VSensitiveDetector, public G4VFastSimSensitiveDetector {
 public:
  explicit Sum(const G4String& name) : G4VSensitiveDetector(name) {}
  void Initialize(G4HCofThisEvent*) override { full_ = fast_ = 0; }
  void EndOfEvent(G4HCofThisEvent*) override
  {
    G4cout << "full simulation " << full_ / GeV << " GeV, fast simulation " << fast_ / GeV << " GeV" << G4endl;
  }

 private:
  G4bool ProcessHits(G4Step* step, G4TouchableHistory*) override
  {
    full_ += step->GetTotalEnergyDeposit();
    return true;
  }
  G4bool ProcessHits(const G4FastHit* hit, const G4FastTrack*, G4TouchableHistory*) override
  {
    fast_ += hit->GetEnergy();
    return true;
  }

  G4double full_ = 0, fast_ = 0;
};

class Block : public G4VUserDetectorConstruction {
 public:
  G4VPhysicalVolume* Construct() override
  {
    G4NistManager* nist = G4NistManager::Instance();
    auto* mixture = new G4Material("lead and argon", 4.4 * g / cm3, 2);
    mixture->AddMaterial(nist->FindOrBuildMaterial("G4_Pb"), 0.7);
    mixture->AddMaterial(nist->FindOrBuildMaterial("G4_lAr"), 0.3);
    auto* hall = new G4LogicalVolume(new G4Box("hall", 2 * m, 2 * m, 2 * m), nist->FindOrBuildMaterial("G4_Galactic"),
                                     "hall");
    block_ = new G4LogicalVolume(new G4Box("block", 1 * m, 1 * m, 0.5 * m), mixture, "block");
    new G4PVPlacement(nullptr, {0, 0, 0.5 * m}, block_, "block", hall, false, 0);
    region_ = new G4Region("calorimeter");
    region_->AddRootLogicalVolume(block_);
    return new G4PVPlacement(nullptr, {}, hall, "hall", nullptr, false, 0);
  }

  /// Called in every thread: each has its own sensitive detector and its own model.
  void ConstructSDandField() override
  {
    auto* sum = new Sum("sum");
    G4SDManager::GetSDMpointer()->AddNewDetector(sum);
    SetSensitiveDetector(block_, sum);
    model = new MoliereFastSimModel("showers", region_, MODEL_OF);
  }

  static G4ThreadLocal MoliereFastSimModel* model;

 private:
  G4LogicalVolume* block_ = nullptr;
  G4Region* region_ = nullptr;
};

G4ThreadLocal MoliereFastSimModel* Block::model = nullptr;

/// Ten photons side by side.
class Photons : public G4VUserPrimaryGeneratorAction {
 public:
  explicit Photons(G4double energy)
  {
    gun_.SetParticleDefinition(G4ParticleTable::GetParticleTable()->FindParticle("gamma"));
    gun_.SetParticleMomentumDirection({0, 0, 1});
    gun_.SetParticleEnergy(energy);
  }
  void GeneratePrimaries(G4Event* event) override
  {
    for (int k = 0; k < 10; ++k) {
      gun_.SetParticlePosition({(k - 4.5) * 5 * cm, 0, -1 * cm});
      gun_.GeneratePrimaryVertex(event);
    }
  }

 private:
  G4ParticleGun gun_{1};
};

class Report : public G4UserRunAction {
 public:
  void EndOfRunAction(const G4Run*) override
  {
    if (Block::model) Block::model->PrintCounts();
  }
};

class Actions : public G4VUserActionInitialization {
 public:
  explicit Actions(G4double energy) : energy_(energy) {}
  void Build() const override
  {
    SetUserAction(new Photons(energy_));
    SetUserAction(new Report);
  }

 private:
  G4double energy_;
};

}  // namespace

int main(int argc, char** argv)
{
  int const events = argc > 1 ? std::atoi(argv[1]) : 10;
  G4double const energy = (argc > 2 ? std::atof(argv[2]) : 20.) * GeV;
  auto* manager = G4RunManagerFactory::CreateRunManager(G4RunManagerType::Serial);
  auto* physics = new FTFP_BERT;
  auto* fast = new G4FastSimulationPhysics;
  fast->ActivateFastSimulation("gamma");
  physics->RegisterPhysics(fast);
  manager->SetUserInitialization(new Block);
  manager->SetUserInitialization(physics);
  manager->SetUserInitialization(new Actions(energy));
  if (argc > 3) G4UImanager::GetUIpointer()->ApplyCommand(G4String("/control/execute ") + argv[3]);
  manager->Initialize();
  manager->BeamOn(events);
  delete manager;
  return 0;
}

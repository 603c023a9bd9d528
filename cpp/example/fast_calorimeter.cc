// Photons in moliere's calochallenge-1-photons, whose showers an exported model makes.
//
//   fast_calorimeter photons.mac            the macro starts the run; full.mac runs Geant4 alone
#include MODEL_HEADER

#include "MoliereFastSimModel.hh"

#include "G4AutoLock.hh"
#include "G4Box.hh"
#include "G4EmStandardPhysics.hh"
#include "G4Event.hh"
#include "G4EventManager.hh"
#include "G4FastSimulationPhysics.hh"
#include "G4LogicalVolume.hh"
#include "G4NistManager.hh"
#include "G4PVPlacement.hh"
#include "G4ParticleGun.hh"
#include "G4ParticleTable.hh"
#include "G4Region.hh"
#include "G4Run.hh"
#include "G4RunManagerFactory.hh"
#include "G4SDManager.hh"
#include "G4SystemOfUnits.hh"
#include "G4Timer.hh"
#include "G4UImanager.hh"
#include "G4UserRunAction.hh"
#include "G4VFastSimSensitiveDetector.hh"
#include "G4VModularPhysicsList.hh"
#include "G4VSensitiveDetector.hh"
#include "G4VUserActionInitialization.hh"
#include "G4VUserDetectorConstruction.hh"
#include "G4VUserPrimaryGeneratorAction.hh"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace {

struct Plate {
  const char* material;
  G4double thickness;
  G4bool active;
};

/// Plates that are read out together, or (without a sampling fraction) not at all.
struct Layer {
  const char* name;
  G4int repeat;
  std::vector<Plate> plates;
  G4double samplingFraction;
};

const std::vector<Layer> kLayers = {
  {"wall", 1, {{"G4_Al", 20 * mm, false}}, 0},
  {"presampler", 1, {{"G4_lAr", 11 * mm, true}}, 1},
  {"EMB1", 15, {{"G4_Pb", 1.53 * mm, false}, {"G4_Fe", 0.4 * mm, false}, {"G4_lAr", 4.2 * mm, true}}, 0.21},
  {"EMB2", 55, {{"G4_Pb", 1.53 * mm, false}, {"G4_Fe", 0.4 * mm, false}, {"G4_lAr", 4.2 * mm, true}}, 0.21},
  {"EMB3", 8, {{"G4_Pb", 1.53 * mm, false}, {"G4_Fe", 0.4 * mm, false}, {"G4_lAr", 4.2 * mm, true}}, 0.21},
  {"coil", 1, {{"G4_Al", 60 * mm, false}}, 0},
  {"tile", 15, {{"G4_Fe", 14 * mm, false}, {"G4_POLYSTYRENE", 3 * mm, true}}, 0.035},
};
constexpr std::size_t kNumber = 7;
constexpr G4double kHalfWidth = 70 * cm;

/// Mean and width of a number that each event has one of.
class Spread {
 public:
  void add(G4double value)
  {
    ++n_;
    sum_ += value;
    squares_ += value * value;
  }
  G4bool any() const { return n_ > 0; }
  G4double mean() const { return sum_ / n_; }
  G4double width() const { return n_ > 1 ? std::sqrt(std::max(0., (squares_ - sum_ * sum_ / n_) / (n_ - 1))) : 0; }
  G4double error() const { return width() / std::sqrt(static_cast<G4double>(n_)); }

 private:
  G4int n_ = 0;
  G4double sum_ = 0, squares_ = 0;
};

std::ostream& operator<<(std::ostream& out, const Spread& spread)
{
  return out << spread.mean() << " +- " << spread.error() << ", width " << spread.width();
}

/// What one event left, by layer: signal in MeV, and signal times distance from the first particle's line.
struct Signals {
  std::array<G4double, kNumber> energy{}, moment{};
};

/// What all events left, from all threads.
class Summary {
 public:
  void add(const Signals& event, G4double incident)
  {
    G4AutoLock lock(&mutex_);
    G4double total = 0;
    for (G4double energy : event.energy) total += energy;
    response_.add(total / incident);
    for (std::size_t k = 0; k < kNumber; ++k) {
      if (total > 0) share_[k].add(event.energy[k] / total);
      if (event.energy[k] > 0) radius_[k].add(event.moment[k] / event.energy[k]);
    }
  }

  void print()
  {
    if (response_.any()) G4cout << "signal / energy: " << response_ << G4endl;
    for (std::size_t k = 0; k < kNumber; ++k)
      if (radius_[k].any() && share_[k].mean() > 1e-9)
        G4cout << kLayers[k].name << ": share " << share_[k] << "; mean radius " << radius_[k] << " mm" << G4endl;
    *this = Summary();
  }

 private:
  static G4Mutex mutex_;
  Spread response_;
  std::array<Spread, kNumber> share_, radius_;
};

G4Mutex Summary::mutex_ = G4MUTEX_INITIALIZER;
Summary summary;

/// Adds up what steps of the full simulation and deposits of the fast one leave. It stands in the plates without readout,
/// too: cells reach over all plates of their layer, so that the middle of a cell may lie in lead.
class Readout : public G4VSensitiveDetector, public G4VFastSimSensitiveDetector {
 public:
  explicit Readout(const G4String& name) : G4VSensitiveDetector(name) {}

  void Initialize(G4HCofThisEvent*) override
  {
    event_ = Signals();
    const G4PrimaryVertex* vertex = G4EventManager::GetEventManager()->GetConstCurrentEvent()->GetPrimaryVertex();
    from_ = vertex->GetPosition();
    along_ = vertex->GetPrimary()->GetMomentumDirection();
  }

  void EndOfEvent(G4HCofThisEvent*) override
  {
    const G4Event* event = G4EventManager::GetEventManager()->GetConstCurrentEvent();
    G4double incident = 0, total = 0;
    for (G4int v = 0; v < event->GetNumberOfPrimaryVertex(); ++v)
      for (auto* own = event->GetPrimaryVertex(v)->GetPrimary(); own; own = own->GetNext())
        incident += own->GetKineticEnergy();
    for (G4double energy : event_.energy) total += energy;
    G4cout << "event " << event->GetEventID() << ": " << incident / GeV << " GeV came, signal " << total / GeV << " GeV"
           << G4endl;
    summary.add(event_, incident);
  }

 private:
  /// Geant4's steps: visible energy, in active plates.
  G4bool ProcessHits(G4Step* step, G4TouchableHistory*) override
  {
    const G4VTouchable* place = step->GetPreStepPoint()->GetTouchable();
    if (place->GetVolume()->GetName() != "active") return false;
    std::size_t const layer = place->GetCopyNumber();
    G4ThreeVector const middle = (step->GetPreStepPoint()->GetPosition() + step->GetPostStepPoint()->GetPosition()) / 2;
    add(layer, step->GetTotalEnergyDeposit() / kLayers[layer].samplingFraction, middle);
    return true;
  }

  /// The model's deposits: signals already, in any plate of the layer. A hit's position is in the envelope's frame.
  G4bool ProcessHits(const G4FastHit* hit, const G4FastTrack* track, G4TouchableHistory* place) override
  {
    add(place->GetCopyNumber(), hit->GetEnergy(),
        track->GetInverseAffineTransformation()->TransformPoint(hit->GetPosition()));
    return true;
  }

  void add(std::size_t layer, G4double energy, const G4ThreeVector& place)
  {
    event_.energy[layer] += energy;
    event_.moment[layer] += energy * (place - from_).cross(along_).mag();
  }

  Signals event_;
  G4ThreeVector from_, along_;
};

class Calorimeter : public G4VUserDetectorConstruction {
 public:
  G4VPhysicalVolume* Construct() override
  {
    G4double depth = 0;
    for (const Layer& layer : kLayers)
      for (const Plate& plate : layer.plates) depth += layer.repeat * plate.thickness;
    auto* hall = volume("hall", "G4_Galactic", 2 * kHalfWidth, 2 * depth);
    auto* envelope = volume("calorimeter", "G4_Galactic", kHalfWidth, depth);
    new G4PVPlacement(nullptr, {0, 0, depth / 2}, envelope, "calorimeter", hall, false, 0);
    G4double z = -depth / 2;
    for (std::size_t k = 0; k < kLayers.size(); ++k) z = fill(envelope, static_cast<G4int>(k), z);
    region_ = new G4Region("calorimeter");
    region_->AddRootLogicalVolume(envelope);
    return new G4PVPlacement(nullptr, {}, hall, "hall", nullptr, false, 0);
  }

  /// Called in every thread: each has its own sensitive detector and its own model.
  void ConstructSDandField() override
  {
    auto* readout = new Readout("readout");
    G4SDManager::GetSDMpointer()->AddNewDetector(readout);
    for (G4LogicalVolume* plate : plates_) SetSensitiveDetector(plate, readout);
    model = new MoliereFastSimModel("showers", region_, MODEL_OF);
  }

  static G4ThreadLocal MoliereFastSimModel* model;

 private:
  /// The plates of a layer from z on; each bears the number of its layer. Returns where they end.
  G4double fill(G4LogicalVolume* envelope, G4int layer, G4double z)
  {
    const std::vector<Plate>& plates = kLayers[layer].plates;
    std::vector<G4LogicalVolume*> own;
    for (const Plate& plate : plates)
      own.push_back(volume(plate.active ? "active" : "passive", plate.material, kHalfWidth, plate.thickness));
    for (G4int turn = 0; turn < kLayers[layer].repeat; ++turn)
      for (std::size_t k = 0; k < plates.size(); ++k) {
        new G4PVPlacement(nullptr, {0, 0, z + plates[k].thickness / 2}, own[k], own[k]->GetName(), envelope, false,
                          layer);
        z += plates[k].thickness;
      }
    plates_.insert(plates_.end(), own.begin(), own.end());
    return z;
  }

  static G4LogicalVolume* volume(const G4String& name, const G4String& material, G4double half, G4double thickness)
  {
    return new G4LogicalVolume(new G4Box(name, half, half, thickness / 2),
                               G4NistManager::Instance()->FindOrBuildMaterial(material), name);
  }

  std::vector<G4LogicalVolume*> plates_;
  G4Region* region_ = nullptr;
};

G4ThreadLocal MoliereFastSimModel* Calorimeter::model = nullptr;

/// Ten photons of 20 GeV; commands such as /gun/energy, /gun/number and /gun/position change them.
class Photons : public G4VUserPrimaryGeneratorAction {
 public:
  Photons()
  {
    gun_.SetParticleDefinition(G4ParticleTable::GetParticleTable()->FindParticle("gamma"));
    gun_.SetParticleEnergy(20 * GeV);
    gun_.SetParticlePosition({0, 0, -1 * cm});
    gun_.SetParticleMomentumDirection({0, 0, 1});
  }
  void GeneratePrimaries(G4Event* event) override { gun_.GeneratePrimaryVertex(event); }

 private:
  G4ParticleGun gun_{10};
};

/// Every thread says what its model took over, the last one what was left.
class Report : public G4UserRunAction {
 public:
  void BeginOfRunAction(const G4Run*) override
  {
    if (IsMaster()) timer_.Start();
  }
  void EndOfRunAction(const G4Run* run) override
  {
    if (Calorimeter::model) Calorimeter::model->PrintCounts();
    if (!IsMaster()) return;
    timer_.Stop();
    summary.print();
    if (run->GetNumberOfEvent() > 0)
      G4cout << timer_.GetUserElapsed() / run->GetNumberOfEvent() * 1000 << " ms of CPU an event" << G4endl;
  }

 private:
  G4Timer timer_;
};

class Actions : public G4VUserActionInitialization {
 public:
  void Build() const override
  {
    SetUserAction(new Photons);
    SetUserAction(new Report);
  }
  void BuildForMaster() const override { SetUserAction(new Report); }
};

/// Electromagnetic processes, and the fast simulation of photons. Beside FTFP_BERT the latter is registered as here.
class Physics : public G4VModularPhysicsList {
 public:
  Physics()
  {
    RegisterPhysics(new G4EmStandardPhysics);
    auto* fast = new G4FastSimulationPhysics;
    fast->ActivateFastSimulation("gamma");
    RegisterPhysics(fast);
  }
};

}  // namespace

int main(int argc, char** argv)
{
  if (argc != 2) {
    G4cerr << "usage: " << argv[0] << " photons.mac" << G4endl;
    return 2;
  }
  auto* manager = G4RunManagerFactory::CreateRunManager(G4RunManagerType::Serial);
  manager->SetUserInitialization(new Calorimeter);
  manager->SetUserInitialization(new Physics);
  manager->SetUserInitialization(new Actions);
  G4int const failed = G4UImanager::GetUIpointer()->ApplyCommand(G4String("/control/execute ") + argv[1]);
  delete manager;
  return failed ? 1 : 0;
}

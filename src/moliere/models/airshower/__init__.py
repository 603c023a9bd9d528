"""Air showers: footprints made, simulated traces refined, incident quantities reconstructed."""

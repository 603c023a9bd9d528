
/* Where the energy of the channels is put, cell centres in mm: z along the particle from where it enters. A ring that is
   not divided has several places, which share its energy. */
#define ${NAME}_SPOTS $n_spots
extern const int ${name}_spot_channel[${NAME}_SPOTS];
extern const float ${name}_spot_share[${NAME}_SPOTS];
extern const float ${name}_spot_place[${NAME}_SPOTS][3];

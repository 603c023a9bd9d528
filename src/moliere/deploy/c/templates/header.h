/*
$about
 *
 * Plain C99, no state: every function may be called by several threads at once, each with its own workspace. The same
 * latent and condition give the same bits whatever n is and whoever else is working.
 */
#ifndef ${NAME}_H
#define ${NAME}_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers of a shower: signals, latent, condition ($column_list). */
#define ${NAME}_CHANNELS $channels
#define ${NAME}_LATENT $latent
#define ${NAME}_COLUMNS $columns

/* Bytes of the workspace that a thread passes. */
#define ${NAME}_WORKSPACE $workspace

/* Smallest signal that is not zero, in $unit; 0 where there is none. */
#define ${NAME}_THRESHOLD $threshold
$beside
/* Names of the condition's numbers, and the range of the training; lengths in mm, energies in MeV, angles in rad. */
#define ${NAME}_COLUMN_NAMES {$column_names}
#define ${NAME}_LOW {$lows}
#define ${NAME}_HIGH {$highs}

/* PDG identifiers of the particles of the training; none where it does not say. */
#define ${NAME}_PARTICLES {$particles}

/* Where a condition lies: inside the range of the training, or what is wrong with it. */
enum ${name}_range { ${NAME}_INSIDE, ${NAME}_BELOW, ${NAME}_ABOVE, ${NAME}_NAN, ${NAME}_STRANGE };

/* Look at one condition of ${NAME}_COLUMNS numbers; the first that does not fit decides. STRANGE is an identifier that
   was not in the training. Nothing else looks: the network makes signals of anything. */
enum ${name}_range ${name}_check(const double *condition);
$draw
/* Make n showers: latent n x ${NAME}_LATENT and condition n x ${NAME}_COLUMNS in, signals n x ${NAME}_CHANNELS out, in $unit.
   The workspace has ${NAME}_WORKSPACE bytes; nothing in it is kept from one call to the next. */
void ${name}_generate(${weights_argument}const float *latent, const double *condition, int n, float *signals,
    void *workspace);
$spots
#ifdef __cplusplus
}
#endif

#endif


const int ${name}_spot_channel[${NAME}_SPOTS] = {
$channels
};
const float ${name}_spot_share[${NAME}_SPOTS] = {
$shares
};
const float ${name}_spot_place[${NAME}_SPOTS][3] = {
$places
};

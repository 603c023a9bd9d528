enum ${name}_range ${name}_check(const double *condition)
{
    static const double low[] = ${NAME}_LOW, high[] = ${NAME}_HIGH;
    for (int k = 0; k < ${NAME}_COLUMNS; ++k) {
        if (condition[k] != condition[k]) return ${NAME}_NAN;
        if (condition[k] < low[k]) return ${NAME}_BELOW;
        if (condition[k] > high[k]) return ${NAME}_ABOVE;
    }
$strange
    return ${NAME}_INSIDE;
}

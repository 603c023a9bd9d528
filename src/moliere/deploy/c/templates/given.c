            for (int j = 0; j < $${NAME}_COLUMNS; ++j)
                ((${type} *)(void *)(own + $place))[j]
                    = (${type})condition[(size_t)(done + k) * $${NAME}_COLUMNS + (size_t)j];

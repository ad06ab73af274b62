"""What reasons about the use of the product and the life of a customer say. How to write one: `template`."""

from collections.abc import Mapping

from streams.churn.reasons.template import Words

USE: Mapping[str, Words] = {
    "usage_rare": Words(
        en="used rarely[: on {active_days_28d} of the last 28 days][ (typical: {typical})]",
        pt="uso raro[: em {active_days_28d} dos últimos 28 dias][ (típico: {typical})]",
        es="uso esporádico[: en {active_days_28d} de los últimos 28 días][ (típico: {typical})]",
    ),
    "usage_frequent": Words(
        en="used often[: on {active_days_28d} of the last 28 days][ (typical: {typical})]",
        pt="uso frequente[: em {active_days_28d} dos últimos 28 dias][ (típico: {typical})]",
        es="uso frecuente[: en {active_days_28d} de los últimos 28 días][ (típico: {typical})]",
    ),
    "usage_silent": Words(
        en="not used for {days_since_last_use:days}|not used lately",
        pt="sem uso há {days_since_last_use:days}|sem uso recente",
        es="sin uso desde hace {days_since_last_use:days}|sin uso reciente",
    ),
    "usage_recent": Words(
        en="last used {days_since_last_use:ago}|used recently",
        pt="último uso {days_since_last_use:ago}|uso recente",
        es="último uso {days_since_last_use:ago}|uso reciente",
    ),
    "usage_days_falling": Words(
        en="active on fewer days[: {active_days_14d} of the last 14, {active_days_prev_14d} of the 14 before]",
        pt="ativo em menos dias[: {active_days_14d} dos últimos 14, {active_days_prev_14d} dos 14 anteriores]",
        es="activo menos días[: {active_days_14d} de los últimos 14, {active_days_prev_14d} de los 14 anteriores]",
    ),
    "usage_days_growing": Words(
        en="active on more days[: {active_days_14d} of the last 14, {active_days_prev_14d} of the 14 before]",
        pt="ativo em mais dias[: {active_days_14d} dos últimos 14, {active_days_prev_14d} dos 14 anteriores]",
        es="activo más días[: {active_days_14d} de los últimos 14, {active_days_prev_14d} de los 14 anteriores]",
    ),
    "usage_falling": Words(
        en="usage down[ {usage_fall:percent}][ against the previous two weeks "
        "({events_prev_14d} to {events_14d:events})]",
        pt="uso em queda[ de {usage_fall:percent}][ em relação às duas semanas anteriores "
        "(de {events_prev_14d} para {events_14d:events})]",
        es="el uso bajó[ un {usage_fall:percent}][ respecto a las dos semanas anteriores "
        "(de {events_prev_14d} a {events_14d:events})]",
    ),
    "usage_growing": Words(
        en="usage up[ {usage_rise:percent}][ against the previous two weeks "
        "({events_prev_14d} to {events_14d:events})]",
        pt="uso em alta[ de {usage_rise:percent}][ em relação às duas semanas anteriores "
        "(de {events_prev_14d} para {events_14d:events})]",
        es="el uso subió[ un {usage_rise:percent}][ respecto a las dos semanas anteriores "
        "(de {events_prev_14d} a {events_14d:events})]",
    ),
    "usage_low": Words(
        en="little use[: {quantity_28d:uses} in 28 days][ (typical: {typical})]",
        pt="pouco uso[: {quantity_28d:uses} em 28 dias][ (típico: {typical})]",
        es="poco uso[: {quantity_28d:uses} en 28 días][ (típico: {typical})]",
    ),
    "usage_high": Words(
        en="heavy use[: {quantity_28d:uses} in 28 days][ (typical: {typical})]",
        pt="uso intenso[: {quantity_28d:uses} em 28 dias][ (típico: {typical})]",
        es="uso intenso[: {quantity_28d:uses} en 28 días][ (típico: {typical})]",
    ),
    "usage_narrow": Words(
        en="few features used[: {features_used_28d} in 28 days][ (typical: {typical})]",
        pt="poucas funcionalidades usadas[: {features_used_28d} em 28 dias][ (típico: {typical})]",
        es="pocas funciones usadas[: {features_used_28d} en 28 días][ (típico: {typical})]",
    ),
    "usage_broad": Words(
        en="many features used[: {features_used_28d} in 28 days][ (typical: {typical})]",
        pt="muitas funcionalidades usadas[: {features_used_28d} em 28 dias][ (típico: {typical})]",
        es="muchas funciones usadas[: {features_used_28d} en 28 días][ (típico: {typical})]",
    ),
    "users_few": Words(
        en="few active users[: {active_users_28d} in 28 days][ (typical: {typical})]",
        pt="poucos usuários ativos[: {active_users_28d} em 28 dias][ (típico: {typical})]",
        es="pocos usuarios activos[: {active_users_28d} en 28 días][ (típico: {typical})]",
    ),
    "users_many": Words(
        en="many active users[: {active_users_28d} in 28 days][ (typical: {typical})]",
        pt="muitos usuários ativos[: {active_users_28d} em 28 dias][ (típico: {typical})]",
        es="muchos usuarios activos[: {active_users_28d} en 28 días][ (típico: {typical})]",
    ),
    "seats_unused": Words(
        en="seats unused[: {seats_used:percent} in use][ ({active_users_28d:active_users}, {seats:bought})]",
        pt="licenças ociosas[: {seats_used:percent} em uso][ ({active_users_28d:active_users}, {seats:bought})]",
        es="licencias sin usar[: {seats_used:percent} en uso][ ({active_users_28d:active_users}, {seats:bought})]",
    ),
    "seats_used": Words(
        en="seats well used[: {seats_used:percent} in use][ ({active_users_28d:active_users}, {seats:bought})]",
        pt="licenças bem usadas[: {seats_used:percent} em uso][ ({active_users_28d:active_users}, {seats:bought})]",
        es="licencias bien usadas[: {seats_used:percent} en uso][ ({active_users_28d:active_users}, {seats:bought})]",
    ),
    "users_quiet": Words(
        en="little use per user[: {usage_per_user:uses} in 28 days][ (typical: {typical})]",
        pt="pouco uso por usuário[: {usage_per_user:uses} em 28 dias][ (típico: {typical})]",
        es="poco uso por usuario[: {usage_per_user:uses} en 28 días][ (típico: {typical})]",
    ),
    "users_busy": Words(
        en="much use per user[: {usage_per_user:uses} in 28 days][ (typical: {typical})]",
        pt="muito uso por usuário[: {usage_per_user:uses} em 28 dias][ (típico: {typical})]",
        es="mucho uso por usuario[: {usage_per_user:uses} en 28 días][ (típico: {typical})]",
    ),
    "usage_errors": Words(
        en="users meet errors[: in {error_share:percent} of their actions][ ({errors_28d} of {events_28d} in 28 days)]",
        pt="usuários encontram erros[: em {error_share:percent} das ações][ ({errors_28d} de {events_28d} em 28 dias)]",
        es="los usuarios encuentran errores[: en el {error_share:percent} de sus acciones]"
        "[ ({errors_28d} de {events_28d} en 28 días)]",
    ),
    "usage_smooth": Words(
        en="few errors[: in {error_share:percent} of the actions]",
        pt="poucos erros[: em {error_share:percent} das ações]",
        es="pocos errores[: en el {error_share:percent} de las acciones]",
    ),
}
LIFE: Mapping[str, Words] = {
    "customer_new": Words(
        en="customer for only {tenure_days:span}|new customer",
        pt="cliente há apenas {tenure_days:span}|cliente novo",
        es="cliente desde hace solo {tenure_days:span}|cliente nuevo",
    ),
    "customer_long_standing": Words(
        en="customer for {tenure_days:span}|long-standing customer",
        pt="cliente há {tenure_days:span}|cliente antigo",
        es="cliente desde hace {tenure_days:span}|cliente antiguo",
    ),
    "not_activated": Words(
        en="not activated yet[, {tenure_days:days} after the start]",
        pt="ainda não ativado[, {tenure_days:days} após o início]",
        es="aún sin activar[, {tenure_days:days} después del inicio]",
    ),
    "activated": Words(
        en="activated in the first months", pt="ativado nos primeiros meses", es="activado en los primeros meses"
    ),
    "onboarding_little": Words(
        en="little of the onboarding done[: {onboarding_steps_done} of {onboarding_steps_total:steps}]",
        pt="pouco avanço na integração[: {onboarding_steps_done} de {onboarding_steps_total:steps}]",
        es="poco avance en la incorporación[: {onboarding_steps_done} de {onboarding_steps_total:steps}]",
    ),
    "onboarding_far": Words(
        en="onboarding well under way[: {onboarding_steps_done} of {onboarding_steps_total:steps}]",
        pt="integração bem avançada[: {onboarding_steps_done} de {onboarding_steps_total:steps}]",
        es="incorporación avanzada[: {onboarding_steps_done} de {onboarding_steps_total:steps}]",
    ),
    "onboarding_overdue": Words(
        en="onboarding overdue[: {onboarding_steps_done} of {onboarding_steps_total:steps_done}]",
        pt="integração atrasada[: {onboarding_steps_done} de {onboarding_steps_total:steps_done}]",
        es="incorporación atrasada[: {onboarding_steps_done} de {onboarding_steps_total:steps_done}]",
    ),
    "onboarding_in_time": Words(en="onboarding on schedule", pt="integração no prazo", es="incorporación a tiempo"),
}

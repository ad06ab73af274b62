"""What features and their families are called, and what is said around reasons. How to write one: `template`."""

from collections.abc import Mapping

from streams.churn.reasons.template import Words

#: A feature with its value, for a reason that is told without a direction.
FEATURES: Mapping[str, Words] = {
    "active_days_28d": Words(
        en="active days[: {active_days_28d} of 28]",
        pt="dias ativos[: {active_days_28d} de 28]",
        es="días activos[: {active_days_28d} de 28]",
    ),
    "days_since_last_use": Words(
        en="days since the last use[: {days_since_last_use}]",
        pt="dias desde o último uso[: {days_since_last_use}]",
        es="días desde el último uso[: {days_since_last_use}]",
    ),
    "usage_trend": Words(
        en="active days against the two weeks before[: {usage_trend:percent}]",
        pt="dias ativos em relação às duas semanas anteriores[: {usage_trend:percent}]",
        es="días activos respecto a las dos semanas anteriores[: {usage_trend:percent}]",
    ),
    "usage_change": Words(
        en="usage against the two weeks before[: {events_prev_14d} to {events_14d:events}]",
        pt="uso em relação às duas semanas anteriores[: de {events_prev_14d} para {events_14d:events}]",
        es="uso respecto a las dos semanas anteriores[: de {events_prev_14d} a {events_14d:events}]",
    ),
    "quantity_28d": Words(
        en="uses in 28 days[: {quantity_28d}]",
        pt="usos em 28 dias[: {quantity_28d}]",
        es="usos en 28 días[: {quantity_28d}]",
    ),
    "features_used_28d": Words(
        en="features used in 28 days[: {features_used_28d}]",
        pt="funcionalidades usadas em 28 dias[: {features_used_28d}]",
        es="funciones usadas en 28 días[: {features_used_28d}]",
    ),
    "active_users_28d": Words(
        en="active users[: {active_users_28d}]",
        pt="usuários ativos[: {active_users_28d}]",
        es="usuarios activos[: {active_users_28d}]",
    ),
    "seats_used": Words(
        en="seats in use[: {seats_used:percent}]",
        pt="licenças em uso[: {seats_used:percent}]",
        es="licencias en uso[: {seats_used:percent}]",
    ),
    "usage_per_user": Words(
        en="uses per active user[: {usage_per_user}]",
        pt="usos por usuário ativo[: {usage_per_user}]",
        es="usos por usuario activo[: {usage_per_user}]",
    ),
    "error_share": Words(
        en="actions with errors[: {error_share:percent}]",
        pt="ações com erro[: {error_share:percent}]",
        es="acciones con errores[: {error_share:percent}]",
    ),
    "tenure_days": Words(
        en="time as a customer[: {tenure_days:span}]",
        pt="tempo como cliente[: {tenure_days:span}]",
        es="tiempo como cliente[: {tenure_days:span}]",
    ),
    "not_activated": Words(
        en="activation in the first months",
        pt="ativação nos primeiros meses",
        es="activación en los primeros meses",
    ),
    "onboarding_progress": Words(
        en="onboarding done[: {onboarding_progress:percent}]",
        pt="integração concluída[: {onboarding_progress:percent}]",
        es="incorporación completada[: {onboarding_progress:percent}]",
    ),
    "onboarding_overdue": Words(
        en="whether the onboarding is overdue",
        pt="se a integração está atrasada",
        es="si la incorporación está atrasada",
    ),
    "mrr": Words(en="MRR[: {mrr:money}]", pt="MRR[: {mrr:money}]", es="MRR[: {mrr:money}]"),
    "mrr_per_user": Words(
        en="price per active user[: {mrr_per_user:money} a month]",
        pt="preço por usuário ativo[: {mrr_per_user:money} por mês]",
        es="precio por usuario activo[: {mrr_per_user:money} al mes]",
    ),
    "mrr_change": Words(
        en="MRR against 28 days ago[: {mrr_28d_ago_minor:money} to {mrr_minor:money}]",
        pt="MRR em relação a 28 dias atrás[: de {mrr_28d_ago_minor:money} para {mrr_minor:money}]",
        es="MRR respecto a hace 28 días[: de {mrr_28d_ago_minor:money} a {mrr_minor:money}]",
    ),
    "days_overdue": Words(
        en="days an invoice is late[: {days_overdue}]",
        pt="dias de atraso de fatura[: {days_overdue}]",
        es="días de atraso de factura[: {days_overdue}]",
    ),
    "renewal_due": Words(
        en="renewal[ {days_to_renewal:soon}]",
        pt="renovação[ {days_to_renewal:soon}]",
        es="renovación[ {days_to_renewal:soon}]",
    ),
    "renewal_due_term": Words(
        en="length of the contract before the renewal[: {renewal_period_days:span}]",
        pt="duração do contrato antes da renovação[: {renewal_period_days:span}]",
        es="duración del contrato antes de la renovación[: {renewal_period_days:span}]",
    ),
    "renewal_due_level": Words(
        en="use before the renewal[: {quantity_28d:uses} in 28 days]",
        pt="uso antes da renovação[: {quantity_28d:uses} em 28 dias]",
        es="uso antes de la renovación[: {quantity_28d:uses} en 28 días]",
    ),
    "renewal_due_use": Words(
        en="use per user before the renewal",
        pt="uso por usuário antes da renovação",
        es="uso por usuario antes de la renovación",
    ),
    "renewal_due_price": Words(
        en="price per active user before the renewal",
        pt="preço por usuário ativo antes da renovação",
        es="precio por usuario activo antes de la renovación",
    ),
    "renewal_by_hand": Words(
        en="whether the contract renews by itself",
        pt="se o contrato tem renovação automática",
        es="si el contrato se renueva automáticamente",
    ),
    "ending_share": Words(
        en="subscriptions announced to end[: {ending_share:percent}]",
        pt="assinaturas com fim anunciado[: {ending_share:percent}]",
        es="suscripciones con fin anunciado[: {ending_share:percent}]",
    ),
    "cancellation_reported": Words(
        en="word of leaving while paying",
        pt="aviso de saída enquanto pagante",
        es="aviso de baja mientras paga",
    ),
    "subscriptions_active": Words(
        en="active subscriptions[: {subscriptions_active}]",
        pt="assinaturas ativas[: {subscriptions_active}]",
        es="suscripciones activas[: {subscriptions_active}]",
    ),
    "tickets_open": Words(
        en="open tickets[: {tickets_open}]",
        pt="chamados abertos[: {tickets_open}]",
        es="tickets abiertos[: {tickets_open}]",
    ),
    "tickets_open_urgent": Words(
        en="open urgent tickets[: {tickets_open_urgent}]",
        pt="chamados urgentes abertos[: {tickets_open_urgent}]",
        es="tickets urgentes abiertos[: {tickets_open_urgent}]",
    ),
    "tickets_opened_28d": Words(
        en="tickets in 28 days[: {tickets_opened_28d}]",
        pt="chamados em 28 dias[: {tickets_opened_28d}]",
        es="tickets en 28 días[: {tickets_opened_28d}]",
    ),
    "escalations_28d": Words(
        en="escalated tickets in 28 days[: {escalations_28d}]",
        pt="chamados escalados em 28 dias[: {escalations_28d}]",
        es="tickets escalados en 28 días[: {escalations_28d}]",
    ),
    "reopenings_28d": Words(
        en="tickets reopened in 28 days[: {reopenings_28d}]",
        pt="chamados reabertos em 28 dias[: {reopenings_28d}]",
        es="tickets reabiertos en 28 días[: {reopenings_28d}]",
    ),
    "sla_breaches_28d": Words(
        en="promised times missed in 28 days[: {sla_breaches_28d}]",
        pt="prazos prometidos não cumpridos em 28 dias[: {sla_breaches_28d}]",
        es="plazos prometidos incumplidos en 28 días[: {sla_breaches_28d}]",
    ),
    "first_response_hours": Words(
        en="first reply[ after {first_response_hours:hours}]",
        pt="primeira resposta[ em {first_response_hours:hours}]",
        es="primera respuesta[ en {first_response_hours:hours}]",
    ),
    "first_resolution_hours_90d": Words(
        en="time to solve a ticket[: {first_resolution_hours_90d:hours}]",
        pt="tempo até a solução de um chamado[: {first_resolution_hours_90d:hours}]",
        es="tiempo para resolver un ticket[: {first_resolution_hours_90d:hours}]",
    ),
    "oldest_open_hours": Words(
        en="age of the oldest open ticket[: {oldest_open_hours:hours}]",
        pt="idade do chamado aberto mais antigo[: {oldest_open_hours:hours}]",
        es="antigüedad del ticket abierto más viejo[: {oldest_open_hours:hours}]",
    ),
    "questions_28d": Words(
        en="questions in 28 days[: {questions_28d}]",
        pt="perguntas em 28 dias[: {questions_28d}]",
        es="preguntas en 28 días[: {questions_28d}]",
    ),
    "nps": Words(en="NPS[: {nps}]", pt="NPS[: {nps}]", es="NPS[: {nps}]"),
    "csat": Words(en="CSAT[: {csat:percent}]", pt="CSAT[: {csat:percent}]", es="CSAT[: {csat:percent}]"),
    "ces": Words(
        en="customers that find it easy (CES)[: {ces:percent}]",
        pt="quem acha fácil (CES)[: {ces:percent}]",
        es="a quién le resulta fácil (CES)[: {ces:percent}]",
    ),
    "follow_ups_open": Words(
        en="survey answers without follow-up[: {follow_ups_open}]",
        pt="respostas de pesquisa sem retorno[: {follow_ups_open}]",
        es="respuestas de encuesta sin seguimiento[: {follow_ups_open}]",
    ),
}
FAMILIES: Mapping[str, Words] = {
    "usage": Words(en="use of the product", pt="uso do produto", es="uso del producto"),
    "lifecycle": Words(en="life as a customer", pt="ciclo de vida", es="ciclo de vida"),
    "billing": Words(en="contract and payment", pt="contrato e pagamento", es="contrato y pagos"),
    "support": Words(en="support", pt="suporte", es="soporte"),
    "feedback": Words(en="feedback", pt="feedback", es="opiniones"),
}
FRAMES: Mapping[str, Words] = {
    "raising": Words(
        en="associated with a higher risk", pt="associado a um risco maior", es="asociado a un riesgo mayor"
    ),
    "protecting": Words(
        en="associated with a lower risk", pt="associado a um risco menor", es="asociado a un riesgo menor"
    ),
    "undirected": Words(
        en="counts, but not in the expected direction: {feature}",
        pt="pesa, mas não na direção esperada: {feature}",
        es="influye, pero no en el sentido esperado: {feature}",
    ),
    "no_data": Words(
        en="no data on {family} (which does not mean that all is well)",
        pt="sem dados de {family} (o que não significa que está tudo bem)",
        es="sin datos de {family} (lo que no significa que todo vaya bien)",
    ),
}

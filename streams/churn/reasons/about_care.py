"""What reasons about support and about what customers say of us say. How to write one: `template`."""

from collections.abc import Mapping

from streams.churn.reasons.template import Words

SUPPORT: Mapping[str, Words] = {
    "tickets_open": Words(
        en="{tickets_open:open_tickets}[, the oldest for {oldest_open_hours:hours}]|open tickets",
        pt="{tickets_open:open_tickets}[, o mais antigo há {oldest_open_hours:hours}]|chamados abertos",
        es="{tickets_open:open_tickets}[, el más antiguo desde hace {oldest_open_hours:hours}]|tickets abiertos",
    ),
    "tickets_none_open": Words(en="no open tickets", pt="nenhum chamado aberto", es="ningún ticket abierto"),
    "tickets_urgent": Words(
        en="{tickets_open_urgent:urgent_tickets}|open urgent tickets",
        pt="{tickets_open_urgent:urgent_tickets}|chamados urgentes abertos",
        es="{tickets_open_urgent:urgent_tickets}|tickets urgentes abiertos",
    ),
    "tickets_none_urgent": Words(
        en="no open urgent tickets", pt="nenhum chamado urgente aberto", es="ningún ticket urgente abierto"
    ),
    "tickets_many": Words(
        en="many tickets[: {tickets_opened_28d} in 28 days][ (typical: {typical})]",
        pt="muitos chamados[: {tickets_opened_28d} em 28 dias][ (típico: {typical})]",
        es="muchos tickets[: {tickets_opened_28d} en 28 días][ (típico: {typical})]",
    ),
    "tickets_few": Words(
        en="few tickets[: {tickets_opened_28d} in 28 days][ (typical: {typical})]",
        pt="poucos chamados[: {tickets_opened_28d} em 28 dias][ (típico: {typical})]",
        es="pocos tickets[: {tickets_opened_28d} en 28 días][ (típico: {typical})]",
    ),
    "tickets_escalated": Words(
        en="{escalations_28d:escalations} in 28 days|escalated tickets",
        pt="{escalations_28d:escalations} em 28 dias|chamados escalados",
        es="{escalations_28d:escalations} en 28 días|tickets escalados",
    ),
    "tickets_calm": Words(
        en="no escalated ticket in 28 days",
        pt="nenhum chamado escalado em 28 dias",
        es="ningún ticket escalado en 28 días",
    ),
    "tickets_reopened": Words(
        en="solved tickets reopened[: {reopenings_28d:times} in 28 days]",
        pt="chamados reabertos[: {reopenings_28d:times} em 28 dias]",
        es="tickets reabiertos[: {reopenings_28d:times} en 28 días]",
    ),
    "tickets_stay_solved": Words(
        en="no ticket reopened in 28 days",
        pt="nenhum chamado reaberto em 28 dias",
        es="ningún ticket reabierto en 28 días",
    ),
    "sla_breached": Words(
        en="support missed its promised times[: {sla_breaches_28d:times} in 28 days]",
        pt="suporte fora do prazo prometido[: {sla_breaches_28d:times} em 28 dias]",
        es="soporte fuera del plazo prometido[: {sla_breaches_28d:times} en 28 días]",
    ),
    "sla_kept": Words(
        en="support kept its promised times",
        pt="suporte dentro do prazo prometido",
        es="soporte dentro del plazo prometido",
    ),
    "support_slow": Words(
        en="[{some_open:open_tickets}, ]first reply {first_response_hours:hours}|slow first reply",
        pt="[{some_open:open_tickets}, ]primeira resposta em {first_response_hours:hours}|primeira resposta lenta",
        es="[{some_open:open_tickets}, ]primera respuesta en {first_response_hours:hours}|primera respuesta lenta",
    ),
    "support_fast": Words(
        en="fast first reply[: {first_response_hours:hours}]",
        pt="primeira resposta rápida[: {first_response_hours:hours}]",
        es="primera respuesta rápida[: {first_response_hours:hours}]",
    ),
    "resolution_slow": Words(
        en="tickets take {first_resolution_hours_90d:hours} to be solved|tickets are solved slowly",
        pt="chamados levam {first_resolution_hours_90d:hours} até a solução|chamados demoram até a solução",
        es="los tickets tardan {first_resolution_hours_90d:hours} en resolverse|los tickets tardan en resolverse",
    ),
    "resolution_fast": Words(
        en="tickets are solved fast[: in {first_resolution_hours_90d:hours}]",
        pt="chamados resolvidos rápido[: em {first_resolution_hours_90d:hours}]",
        es="los tickets se resuelven rápido[: en {first_resolution_hours_90d:hours}]",
    ),
    "ticket_waiting": Words(
        en="the oldest open ticket waits for {oldest_open_hours:hours}[ ({tickets_open:open_tickets})]"
        "|a ticket has been waiting long",
        pt="o chamado aberto mais antigo espera há {oldest_open_hours:hours}[ ({tickets_open:open_tickets})]"
        "|um chamado espera há muito tempo",
        es="el ticket abierto más antiguo espera desde hace {oldest_open_hours:hours}[ ({tickets_open:open_tickets})]"
        "|un ticket espera desde hace mucho",
    ),
    "ticket_fresh": Words(
        en="no ticket waits for long[: the oldest for {oldest_open_hours:hours}]",
        pt="nenhum chamado espera há muito tempo[: o mais antigo há {oldest_open_hours:hours}]",
        es="ningún ticket espera desde hace mucho[: el más antiguo desde hace {oldest_open_hours:hours}]",
    ),
    "questions_none": Words(
        en="asked no questions in 28 days",
        pt="nenhuma pergunta feita em 28 dias",
        es="ninguna pregunta en 28 días",
    ),
    "questions_asked": Words(
        en="asks questions[: {questions_28d} in 28 days]",
        pt="faz perguntas[: {questions_28d} em 28 dias]",
        es="hace preguntas[: {questions_28d} en 28 días]",
    ),
}
FEEDBACK: Mapping[str, Words] = {
    "nps_low": Words(
        en="low NPS[: {nps}][ ({detractors_90d:detractors}, {promoters_90d:promoters} in 90 days)]",
        pt="NPS baixo[: {nps}][ ({detractors_90d:detractors}, {promoters_90d:promoters} em 90 dias)]",
        es="NPS bajo[: {nps}][ ({detractors_90d:detractors}, {promoters_90d:promoters} en 90 días)]",
    ),
    "nps_high": Words(
        en="high NPS[: {nps}][ ({promoters_90d:promoters}, {detractors_90d:detractors} in 90 days)]",
        pt="NPS alto[: {nps}][ ({promoters_90d:promoters}, {detractors_90d:detractors} em 90 dias)]",
        es="NPS alto[: {nps}][ ({promoters_90d:promoters}, {detractors_90d:detractors} en 90 días)]",
    ),
    "csat_low": Words(
        en="low satisfaction[: CSAT {csat:percent}][ ({csat_positive_90d} of {some_ratings:positive_ratings})]",
        pt="satisfação baixa[: CSAT {csat:percent}][ ({csat_positive_90d} de {some_ratings:positive_ratings})]",
        es="satisfacción baja[: CSAT {csat:percent}][ ({csat_positive_90d} de {some_ratings:positive_ratings})]",
    ),
    "csat_high": Words(
        en="high satisfaction[: CSAT {csat:percent}][ ({csat_positive_90d} of {some_ratings:positive_ratings})]",
        pt="satisfação alta[: CSAT {csat:percent}][ ({csat_positive_90d} de {some_ratings:positive_ratings})]",
        es="satisfacción alta[: CSAT {csat:percent}][ ({csat_positive_90d} de {some_ratings:positive_ratings})]",
    ),
    "effort_high": Words(
        en="finds it hard to get things done[: {ces:percent} say it is easy][ (CES {ces_mean})]",
        pt="acha difícil resolver as coisas[: {ces:percent} dizem que é fácil][ (CES {ces_mean})]",
        es="le cuesta resolver las cosas[: al {ces:percent} le resulta fácil][ (CES {ces_mean})]",
    ),
    "effort_low": Words(
        en="finds it easy to get things done[: {ces:percent} say so][ (CES {ces_mean})]",
        pt="acha fácil resolver as coisas[: {ces:percent} dizem isso][ (CES {ces_mean})]",
        es="le resulta fácil resolver las cosas[: lo dice el {ces:percent}][ (CES {ces_mean})]",
    ),
    "follow_up_missing": Words(
        en="{follow_ups_open:follow_ups} without follow-up|survey answers without follow-up",
        pt="{follow_ups_open:follow_ups} sem retorno|respostas de pesquisa sem retorno",
        es="{follow_ups_open:follow_ups} sin seguimiento|respuestas de encuesta sin seguimiento",
    ),
    "follow_ups_done": Words(
        en="no survey answer without follow-up",
        pt="nenhuma resposta de pesquisa sem retorno",
        es="ninguna respuesta de encuesta sin seguimiento",
    ),
}

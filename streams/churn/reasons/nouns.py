"""Counted things, one and several, in three languages."""

from collections.abc import Mapping

from streams.alerts.texts import Locale

Noun = Mapping[Locale, tuple[str, str]]

NOUNS: Mapping[str, Noun] = {
    "days": {"en": ("day", "days"), "pt": ("dia", "dias"), "es": ("día", "días")},
    "months": {"en": ("month", "months"), "pt": ("mês", "meses"), "es": ("mes", "meses")},
    "years": {"en": ("year", "years"), "pt": ("ano", "anos"), "es": ("año", "años")},
    "times": {"en": ("time", "times"), "pt": ("vez", "vezes"), "es": ("vez", "veces")},
    "uses": {"en": ("use", "uses"), "pt": ("uso", "usos"), "es": ("uso", "usos")},
    "events": {"en": ("event", "events"), "pt": ("evento", "eventos"), "es": ("evento", "eventos")},
    "active_users": {
        "en": ("active user", "active users"),
        "pt": ("usuário ativo", "usuários ativos"),
        "es": ("usuario activo", "usuarios activos"),
    },
    "subscriptions": {
        "en": ("active subscription", "active subscriptions"),
        "pt": ("assinatura ativa", "assinaturas ativas"),
        "es": ("suscripción activa", "suscripciones activas"),
    },
    "contracts": {
        "en": ("subscription", "subscriptions"),
        "pt": ("assinatura", "assinaturas"),
        "es": ("suscripción", "suscripciones"),
    },
    "open_tickets": {
        "en": ("open ticket", "open tickets"),
        "pt": ("chamado aberto", "chamados abertos"),
        "es": ("ticket abierto", "tickets abiertos"),
    },
    "urgent_tickets": {
        "en": ("open urgent ticket", "open urgent tickets"),
        "pt": ("chamado urgente aberto", "chamados urgentes abertos"),
        "es": ("ticket urgente abierto", "tickets urgentes abiertos"),
    },
    "escalations": {
        "en": ("escalated ticket", "escalated tickets"),
        "pt": ("chamado escalado", "chamados escalados"),
        "es": ("ticket escalado", "tickets escalados"),
    },
    "positive_ratings": {
        "en": ("rating positive", "ratings positive"),
        "pt": ("avaliação positiva", "avaliações positivas"),
        "es": ("valoración positiva", "valoraciones positivas"),
    },
    "bought": {"en": ("bought", "bought"), "pt": ("contratada", "contratadas"), "es": ("contratada", "contratadas")},
    "steps": {"en": ("step", "steps"), "pt": ("etapa", "etapas"), "es": ("paso", "pasos")},
    "steps_done": {
        "en": ("step done", "steps done"),
        "pt": ("etapa concluída", "etapas concluídas"),
        "es": ("paso completado", "pasos completados"),
    },
    "promoters": {"en": ("promoter", "promoters"), "pt": ("promotor", "promotores"), "es": ("promotor", "promotores")},
    "detractors": {
        "en": ("detractor", "detractors"),
        "pt": ("detrator", "detratores"),
        "es": ("detractor", "detractores"),
    },
    "follow_ups": {
        "en": ("survey answer", "survey answers"),
        "pt": ("resposta de pesquisa", "respostas de pesquisa"),
        "es": ("respuesta de encuesta", "respuestas de encuesta"),
    },
}
TODAY: Mapping[Locale, str] = {"en": "today", "pt": "hoje", "es": "hoy"}
TOMORROW: Mapping[Locale, str] = {"en": "tomorrow", "pt": "amanhã", "es": "mañana"}

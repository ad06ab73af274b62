"""What alerts say, in Portuguese, Spanish and English. One catalogue; a test keeps the three complete and alike."""

from typing import Literal

Locale = Literal["pt", "es", "en"]
LOCALES: tuple[Locale, ...] = ("pt", "es", "en")

TEXTS: dict[str, dict[Locale, str]] = {
    "health_red.title": {
        "pt": "{name}: a saúde caiu para o vermelho",
        "es": "{name}: la salud cayó a rojo",
        "en": "{name}: health fell to red",
    },
    "health_red.body": {
        "pt": "Saúde {score} de 100 (antes {previous_score}). Onde mais perde pontos: {losses}.",
        "es": "Salud {score} de 100 (antes {previous_score}). Donde más puntos pierde: {losses}.",
        "en": "Health {score} of 100 (was {previous_score}). Loses most points on: {losses}.",
    },
    "health_red.resolved": {
        "pt": "{name}: a saúde saiu do vermelho ({score} de 100)",
        "es": "{name}: la salud salió del rojo ({score} de 100)",
        "en": "{name}: health is out of red ({score} of 100)",
    },
    "detractor.title": {
        "pt": "{name}: resposta de detrator, nota {nps_score}",
        "es": "{name}: respuesta de un detractor, nota {nps_score}",
        "en": "{name}: a detractor answered, score {nps_score}",
    },
    "detractor.body": {
        "pt": "Motivo: {reason}",
        "es": "Motivo: {reason}",
        "en": "Reason: {reason}",
    },
    "detractor.resolved": {
        "pt": "{name}: caso do detrator encerrado",
        "es": "{name}: caso del detractor cerrado",
        "en": "{name}: the detractor's case is closed",
    },
    "mrr": {"pt": "MRR em jogo", "es": "MRR en juego", "en": "MRR at stake"},
    "respondent": {"pt": "Quem respondeu", "es": "Quién respondió", "en": "Respondent"},
    "owner": {"pt": "Responsável", "es": "Responsable", "en": "Owner"},
    "no_reason": {"pt": "não informado", "es": "no indicado", "en": "none given"},
    "generated": {"pt": "dado de exemplo gerado", "es": "dato de ejemplo generado", "en": "generated sample data"},
    "next": {"pt": "Próximo passo", "es": "Próximo paso", "en": "Next step"},
    "call_customer": {
        "pt": "fale com o cliente hoje sobre os pontos acima",
        "es": "hable hoy con el cliente sobre los puntos de arriba",
        "en": "talk to the customer today about the points above",
    },
    "call_respondent": {
        "pt": "responda a quem avaliou e registre o retorno",
        "es": "responda a quien opinó y registre el seguimiento",
        "en": "answer the respondent and record the follow-up",
    },
    "engagement": {"pt": "engajamento", "es": "compromiso", "en": "engagement"},
    "adoption": {"pt": "adoção", "es": "adopción", "en": "adoption"},
    "activation": {"pt": "ativação", "es": "activación", "en": "activation"},
    "support": {"pt": "suporte", "es": "soporte", "en": "support"},
    "relationship": {"pt": "relacionamento", "es": "relación", "en": "relationship"},
    "billing": {"pt": "pagamento", "es": "pagos", "en": "billing"},
    "value": {"pt": "valor", "es": "valor", "en": "value"},
    "trend": {"pt": "tendência", "es": "tendencia", "en": "trend"},
}


def text(code: str, locale: Locale, **values: object) -> str:
    """The text of a code in a language, with its values filled in."""
    return TEXTS[code][locale].format(**values)

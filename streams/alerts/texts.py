"""What alerts say in Portuguese, Spanish and English; a test keeps the three complete and alike."""

from typing import Literal

Locale = Literal["pt", "es", "en"]
LOCALES: tuple[Locale, ...] = ("pt", "es", "en")

TEXTS: dict[str, dict[Locale, str]] = {
    # health_red
    "health_red.opened": {
        "pt": "{name}: a saúde caiu para o vermelho",
        "es": "{name}: la salud cayó a rojo",
        "en": "{name}: health fell to red",
    },
    "health_red.updated": {
        "pt": "{name}: a saúde continua caindo no vermelho",
        "es": "{name}: la salud sigue cayendo en rojo",
        "en": "{name}: health keeps falling in red",
    },
    "health_red.recovered": {
        "pt": "{name}: a saúde saiu do vermelho",
        "es": "{name}: la salud salió del rojo",
        "en": "{name}: health is out of red",
    },
    "health_red.left": {
        "pt": "{name}: encerrou a assinatura com a saúde no vermelho",
        "es": "{name}: terminó su suscripción con la salud en rojo",
        "en": "{name}: left while health was red",
    },
    "health_red.body": {
        "pt": "Saúde {score} de 100 (antes {previous_score}). Onde mais perde pontos: {losses}.",
        "es": "Salud {score} de 100 (antes {previous_score}). Donde más puntos pierde: {losses}.",
        "en": "Health {score} of 100 (was {previous_score}). Loses most points on: {losses}.",
    },
    "health_red.recovered.body": {
        "pt": "Saúde {score} de 100 (no último aviso {score_told}). O alerta durou {lasted}.",
        "es": "Salud {score} de 100 (en el último aviso {score_told}). La alerta duró {lasted}.",
        "en": "Health {score} of 100 ({score_told} when last told). The alert lasted {lasted}.",
    },
    "health_red.left.body": {
        "pt": "A última assinatura terminou. O alerta durou {lasted}.",
        "es": "La última suscripción terminó. La alerta duró {lasted}.",
        "en": "The last subscription ended. The alert lasted {lasted}.",
    },
    # detractor
    "detractor.opened": {
        "pt": "{name}: resposta de detrator, nota {nps_score}",
        "es": "{name}: respuesta de un detractor, nota {nps_score}",
        "en": "{name}: a detractor answered, score {nps_score}",
    },
    "detractor.updated": {
        "pt": "{name}: o detrator completou a resposta, nota {nps_score}",
        "es": "{name}: el detractor completó la respuesta, nota {nps_score}",
        "en": "{name}: the detractor added to the answer, score {nps_score}",
    },
    "detractor.answered_better": {
        "pt": "{name}: quem era detrator deu nota melhor",
        "es": "{name}: quien era detractor dio mejor nota",
        "en": "{name}: the detractor gave a better score",
    },
    "detractor.expired": {
        "pt": "{name}: alerta de detrator encerrado pelo prazo",
        "es": "{name}: alerta de detractor cerrada por plazo",
        "en": "{name}: the detractor alert has expired",
    },
    "detractor.body": {
        "pt": "NPS {nps_score} de 10. Motivo: {reason}",
        "es": "NPS {nps_score} de 10. Motivo: {reason}",
        "en": "NPS {nps_score} of 10. Reason: {reason}",
    },
    "detractor.answered_better.body": {
        "pt": "A nota era {nps_score} de 10. O alerta durou {lasted}.",
        "es": "La nota era {nps_score} de 10. La alerta duró {lasted}.",
        "en": "The score was {nps_score} of 10. The alert lasted {lasted}.",
    },
    "detractor.expired.body": {
        "pt": "A resposta com nota {nps_score} tem mais de 14 dias. Se ninguém retornou, ainda vale a pena.",
        "es": "La respuesta con nota {nps_score} tiene más de 14 días. Si nadie respondió, aún vale la pena.",
        "en": "The answer (score {nps_score}) is over 14 days old. If nobody replied, it is still worth it.",
    },
    # rules of one's own, over a figure of the catalogue
    "figure.opened": {
        "pt": "{name}: alerta – {figure}",
        "es": "{name}: alerta – {figure}",
        "en": "{name}: alert – {figure}",
    },
    "figure.updated": {
        "pt": "{name}: piorou – {figure}",
        "es": "{name}: empeoró – {figure}",
        "en": "{name}: worse – {figure}",
    },
    "figure.recovered": {
        "pt": "{name}: de volta ao limite – {figure}",
        "es": "{name}: de nuevo dentro del límite – {figure}",
        "en": "{name}: back within the limit – {figure}",
    },
    "figure.left": {
        "pt": "{name}: encerrou a assinatura durante o alerta – {figure}",
        "es": "{name}: terminó su suscripción durante la alerta – {figure}",
        "en": "{name}: left during the alert – {figure}",
    },
    "figure.moved": {
        "pt": "{name}: o alerta já não se aplica – {figure}",
        "es": "{name}: la alerta ya no se aplica – {figure}",
        "en": "{name}: the alert no longer applies – {figure}",
    },
    "figure.removed": {
        "pt": "{name}: a regra do alerta foi retirada – {figure}",
        "es": "{name}: la regla de la alerta fue retirada – {figure}",
        "en": "{name}: the rule of the alert was removed – {figure}",
    },
    "figure.body": {
        "pt": "{figure}: {value} ({condition}). Vale há {days}.",
        "es": "{figure}: {value} ({condition}). Se cumple desde hace {days}.",
        "en": "{figure}: {value} ({condition}). It has held for {days}.",
    },
    "figure.recovered.body": {
        "pt": "{figure}: {value} (no último aviso {value_told}). O alerta durou {lasted}.",
        "es": "{figure}: {value} (en el último aviso {value_told}). La alerta duró {lasted}.",
        "en": "{figure}: {value} ({value_told} when last told). The alert lasted {lasted}.",
    },
    "figure.left.body": {
        "pt": "A última assinatura terminou. O alerta durou {lasted}.",
        "es": "La última suscripción terminó. La alerta duró {lasted}.",
        "en": "The last subscription ended. The alert lasted {lasted}.",
    },
    "figure.moved.body": {
        "pt": "O cliente saiu do segmento, da etapa ou do MRR da regra. O alerta durou {lasted}.",
        "es": "El cliente salió del segmento, la etapa o el MRR de la regla. La alerta duró {lasted}.",
        "en": "The customer left the segment, stage or MRR the rule is about. The alert lasted {lasted}.",
    },
    "figure.removed.body": {
        "pt": "O perfil já não tem esta regra; no último aviso {value_told}. O alerta durou {lasted}.",
        "es": "El perfil ya no tiene esta regla; en el último aviso {value_told}. La alerta duró {lasted}.",
        "en": "The profile has this rule no more; {value_told} when last told. The alert lasted {lasted}.",
    },
    "above": {"pt": "acima de {limit}", "es": "por encima de {limit}", "en": "above {limit}"},
    "at_least": {"pt": "limite: {limit} ou mais", "es": "límite: {limit} o más", "en": "limit: {limit} or more"},
    "below": {"pt": "abaixo de {limit}", "es": "por debajo de {limit}", "en": "below {limit}"},
    "at_most": {"pt": "limite: {limit} ou menos", "es": "límite: {limit} o menos", "en": "limit: {limit} or less"},
    "is": {"pt": "a regra avisa disso", "es": "la regla avisa de esto", "en": "the rule tells of it"},
    "is_not": {"pt": "esperado: {limit}", "es": "esperado: {limit}", "en": "expected: {limit}"},
    "rises": {
        "pt": "alta de {change} em {back}, era {previous}, limite {limit}",
        "es": "subida de {change} en {back}, era {previous}, límite {limit}",
        "en": "up {change} in {back}, was {previous}, limit {limit}",
    },
    "falls": {
        "pt": "queda de {change} em {back}, era {previous}, limite {limit}",
        "es": "caída de {change} en {back}, era {previous}, límite {limit}",
        "en": "down {change} in {back}, was {previous}, limit {limit}",
    },
    "yes": {"pt": "sim", "es": "sí", "en": "yes"},
    "no": {"pt": "não", "es": "no", "en": "no"},
    # what every message has
    "mrr": {"pt": "MRR em jogo", "es": "MRR en juego", "en": "MRR at stake"},
    "owner": {"pt": "Responsável", "es": "Responsable", "en": "Owner"},
    "no_owner": {"pt": "ninguém", "es": "nadie", "en": "nobody"},
    "respondent": {"pt": "Quem respondeu", "es": "Quién respondió", "en": "Respondent"},
    "no_reason": {"pt": "não informado", "es": "no indicado", "en": "none given"},
    "generated": {
        "pt": "dado de exemplo gerado",
        "es": "dato de ejemplo generado",
        "en": "generated sample data",
    },
    "next": {"pt": "Próximo passo", "es": "Próximo paso", "en": "Next step"},
    "call_customer": {
        "pt": "fale com o cliente hoje sobre esses pontos",
        "es": "hable hoy con el cliente sobre esos puntos",
        "en": "talk to the customer today about these points",
    },
    "call_respondent": {
        "pt": "responda a quem avaliou e registre o retorno",
        "es": "responda a quien opinó y registre el seguimiento",
        "en": "answer the respondent and record the follow-up",
    },
    "look_into_figure": {
        "pt": "descubra com o cliente o que está por trás",
        "es": "averigüe con el cliente qué hay detrás",
        "en": "find out with the customer what is behind it",
    },
    "day": {"pt": "{count} dia", "es": "{count} día", "en": "{count} day"},
    "days": {"pt": "{count} dias", "es": "{count} días", "en": "{count} days"},
    "hour": {"pt": "{count} hora", "es": "{count} hora", "en": "{count} hour"},
    "hours": {"pt": "{count} horas", "es": "{count} horas", "en": "{count} hours"},
    # factors of the health score
    "engagement": {"pt": "engajamento", "es": "uso", "en": "engagement"},
    "adoption": {"pt": "adoção", "es": "adopción", "en": "adoption"},
    "activation": {"pt": "ativação", "es": "activación", "en": "activation"},
    "support": {"pt": "suporte", "es": "soporte", "en": "support"},
    "relationship": {"pt": "relacionamento", "es": "relación", "en": "relationship"},
    "billing": {"pt": "pagamento", "es": "pagos", "en": "billing"},
    "value": {"pt": "valor percebido", "es": "valor percibido", "en": "value"},
    "trend": {"pt": "tendência", "es": "tendencia", "en": "trend"},
}


def text(code: str, locale: Locale, **values: object) -> str:
    """The text of a code in a language, with its values filled in.

    Example:
        >>> text("days", "pt", count=3)
        '3 dias'
    """
    return TEXTS[code][locale].format_map(values)


def locale_of(wanted: str | None, otherwise: Locale) -> Locale:
    """The language somebody wants, by its code or that of a region; the other one when we do not speak it.

    Example:
        >>> locale_of("pt-BR", "en"), locale_of("de", "en")
        ('pt', 'en')
    """
    language = (wanted or "").replace("_", "-").partition("-")[0].lower()
    known: dict[str, Locale] = {locale: locale for locale in LOCALES}
    return known.get(language, otherwise)

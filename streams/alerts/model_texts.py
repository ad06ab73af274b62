"""What alerts about the churn model say in Portuguese, Spanish and English."""

from streams.alerts.texts import Locale

MODEL_TEXTS: dict[str, dict[Locale, str]] = {
    # model_drift
    "model_drift.opened": {
        "pt": "Modelo de churn: {direction} do que ele prevê",
        "es": "Modelo de churn: {direction} de lo que predice",
        "en": "Churn model: {direction} than it predicts",
    },
    "model_drift.updated": {
        "pt": "Modelo de churn: nova mudança, {direction} do que ele prevê",
        "es": "Modelo de churn: nuevo cambio, {direction} de lo que predice",
        "en": "Churn model: changed again, {direction} than it predicts",
    },
    "model_drift.body": {
        "pt": "De {labels} previsões recentes já conferidas, a parte que saiu menos a prevista é {after} pontos "
        "percentuais (antes {before}). Um modelo novo aprende em paralelo; nada foi apagado.",
        "es": "De {labels} predicciones recientes ya comprobadas, la parte que se fue menos la prevista es de {after} "
        "puntos porcentuales (antes {before}). Un modelo nuevo aprende en paralelo; no se borró nada.",
        "en": "Of {labels} recent predictions whose outcome is known, the share that left less the predicted one is "
        "{after} percentage points (was {before}). A fresh model learns beside it; nothing was reset.",
    },
    "model_drift.settled": {
        "pt": "Modelo de churn: sem novo aviso de mudança",
        "es": "Modelo de churn: sin nuevos avisos de cambio",
        "en": "Churn model: no further sign of change",
    },
    "model_drift.settled.body": {
        "pt": "Nenhum aviso novo em 28 dias. O alerta durou {lasted}.",
        "es": "Ningún aviso nuevo en 28 días. La alerta duró {lasted}.",
        "en": "No new alarm for 28 days. The alert lasted {lasted}.",
    },
    "more_leave": {"pt": "saem mais clientes", "es": "se van más clientes", "en": "more customers leave"},
    "fewer_leave": {"pt": "saem menos clientes", "es": "se van menos clientes", "en": "fewer customers leave"},
    # model_rolled_back
    "model_rolled_back.opened": {
        "pt": "Modelo de churn: voltou para {after}",
        "es": "Modelo de churn: volvió a {after}",
        "en": "Churn model: rolled back to {after}",
    },
    "model_rolled_back.updated": {
        "pt": "Modelo de churn: voltou de novo, agora para {after}",
        "es": "Modelo de churn: volvió otra vez, ahora a {after}",
        "en": "Churn model: rolled back again, now to {after}",
    },
    "model_rolled_back.body": {
        "pt": "Perda logarítmica {log_loss} nas últimas semanas julgadas, contra {log_loss_constant} de um palpite "
        "constante.",
        "es": "Pérdida logarítmica {log_loss} en las últimas semanas juzgadas, frente a {log_loss_constant} de una "
        "suposición constante.",
        "en": "Log loss {log_loss} over the weeks last judged, against {log_loss_constant} of a constant guess.",
    },
    "model_rolled_back.good_again": {
        "pt": "Modelo de churn: voltou a prever bem",
        "es": "Modelo de churn: vuelve a predecir bien",
        "en": "Churn model: predicts well again",
    },
    "model_rolled_back.good_again.body": {
        "pt": "Uma semana julgada não foi pior que um palpite constante. O alerta durou {lasted}.",
        "es": "Una semana juzgada no fue peor que una suposición constante. La alerta duró {lasted}.",
        "en": "A judged week was no worse than a constant guess. The alert lasted {lasted}.",
    },
    "model_prior": {"pt": "o modelo do especialista", "es": "el modelo del experto", "en": "the expert's model"},
    "model_of_day": {"pt": "{name} de {day}", "es": "{name} del {day}", "en": "{name} of {day}"},
    # model_promoted
    "model_promoted.opened": {
        "pt": "Modelo de churn: {after} assume no lugar de {before}",
        "es": "Modelo de churn: {after} toma el lugar de {before}",
        "en": "Churn model: {after} takes over from {before}",
    },
    "model_promoted.updated": {
        "pt": "Modelo de churn: outra troca, {after} assume no lugar de {before}",
        "es": "Modelo de churn: otro cambio, {after} toma el lugar de {before}",
        "en": "Churn model: another change, {after} takes over from {before}",
    },
    "model_promoted.body": {
        "pt": "Perda logarítmica {log_loss} contra {champion_log_loss} nas mesmas {labelled} previsões.",
        "es": "Pérdida logarítmica {log_loss} frente a {champion_log_loss} en las mismas {labelled} predicciones.",
        "en": "Log loss {log_loss} against {champion_log_loss} on the same {labelled} predictions.",
    },
    "model_promoted.settled": {
        "pt": "Modelo de churn: sem outra troca",
        "es": "Modelo de churn: sin otro cambio",
        "en": "Churn model: no further change",
    },
    "model_promoted.settled.body": {
        "pt": "Nenhuma outra troca em 28 dias. O aviso durou {lasted}.",
        "es": "Ningún otro cambio en 28 días. El aviso duró {lasted}.",
        "en": "No other change for 28 days. The notice lasted {lasted}.",
    },
    # model_booster_better
    "model_booster_better.opened": {
        "pt": "Modelo de churn: um modelo de árvores prevê melhor que {before}",
        "es": "Modelo de churn: un modelo de árboles predice mejor que {before}",
        "en": "Churn model: a model of trees predicts better than {before}",
    },
    "model_booster_better.updated": {
        "pt": "Modelo de churn: de novo um modelo de árvores prevê melhor que {before}",
        "es": "Modelo de churn: otra vez un modelo de árboles predice mejor que {before}",
        "en": "Churn model: again a model of trees predicts better than {before}",
    },
    "model_booster_better.body": {
        "pt": "Perda logarítmica {log_loss} contra {champion_log_loss} nas mesmas {labelled} previsões. Nada muda: "
        "seus motivos não seriam exatos. Há algo nos dados que o modelo linear não usa.",
        "es": "Pérdida logarítmica {log_loss} frente a {champion_log_loss} en las mismas {labelled} predicciones. Nada "
        "cambia: sus motivos no serían exactos. Hay algo en los datos que el modelo lineal no usa.",
        "en": "Log loss {log_loss} against {champion_log_loss} on the same {labelled} predictions. Nothing changes: "
        "its reasons would not be exact. There is something in the data that the linear model does not use.",
    },
    "model_booster_better.settled": {
        "pt": "Modelo de churn: sem nova notícia do modelo de árvores",
        "es": "Modelo de churn: sin nuevas noticias del modelo de árboles",
        "en": "Churn model: no further news of the model of trees",
    },
    "model_booster_better.settled.body": {
        "pt": "Nada de novo em 28 dias. O aviso durou {lasted}.",
        "es": "Nada nuevo en 28 días. El aviso duró {lasted}.",
        "en": "Nothing new for 28 days. The notice lasted {lasted}.",
    },
    # model_horizon_changed
    "model_horizon_changed.opened": {
        "pt": "Modelo de churn: começa de novo, agora para {days} dias",
        "es": "Modelo de churn: empieza de nuevo, ahora para {days} días",
        "en": "Churn model: begins anew, now for {days} days",
    },
    "model_horizon_changed.updated": {
        "pt": "Modelo de churn: começa outra vez, agora para {days} dias",
        "es": "Modelo de churn: empieza otra vez, ahora para {days} días",
        "en": "Churn model: begins anew once more, now for {days} days",
    },
    "model_horizon_changed.body": {
        "pt": "O prazo na configuração mudou (antes: {days_before} dias). O que foi aprendido para o outro não serve: "
        "modelos e números recomeçam do modelo do especialista.",
        "es": "El plazo en la configuración cambió (antes: {days_before} días). Lo aprendido para el otro no sirve: "
        "modelos y cifras recomienzan desde el modelo del experto.",
        "en": "The horizon in the settings was changed (it was {days_before} days). What was learned for the other one "
        "is of no use: models and figures start again from the expert's model.",
    },
    "model_horizon_changed.settled": {
        "pt": "Modelo de churn: o prazo não mudou mais",
        "es": "Modelo de churn: el plazo no volvió a cambiar",
        "en": "Churn model: no further change of the horizon",
    },
    "model_horizon_changed.settled.body": {
        "pt": "Nenhuma outra mudança em 28 dias. O aviso durou {lasted}.",
        "es": "Ningún otro cambio en 28 días. El aviso duró {lasted}.",
        "en": "No other change for 28 days. The notice lasted {lasted}.",
    },
    # model_calibrated
    "model_calibrated.opened": {
        "pt": "Modelo de churn: as probabilidades passam a ser corrigidas",
        "es": "Modelo de churn: las probabilidades se corrigen desde ahora",
        "en": "Churn model: probabilities are corrected from now on",
    },
    "model_calibrated.updated": {
        "pt": "Modelo de churn: as probabilidades voltam a ser corrigidas",
        "es": "Modelo de churn: las probabilidades se corrigen de nuevo",
        "en": "Churn model: probabilities are corrected again",
    },
    "model_calibrated.body": {
        "pt": "Previsto / observado era {ratio}. A ordem dos clientes não muda, o tamanho do risco sim.",
        "es": "Previsto / observado era {ratio}. El orden de los clientes no cambia, el tamaño del riesgo sí.",
        "en": "Predicted / observed was {ratio}. The order of the customers stays, the size of the risk changes.",
    },
    "model_calibrated.switched_off": {
        "pt": "Modelo de churn: as probabilidades não precisam mais de correção",
        "es": "Modelo de churn: las probabilidades ya no necesitan corrección",
        "en": "Churn model: probabilities are no longer corrected",
    },
    "model_calibrated.switched_off.body": {
        "pt": "A correção durou {lasted}.",
        "es": "La corrección duró {lasted}.",
        "en": "The correction lasted {lasted}.",
    },
    # model_refused_examples
    "model_refused_examples.opened": {
        "pt": "Modelo de churn: exemplos que ele não pôde aprender: {count}",
        "es": "Modelo de churn: ejemplos que no pudo aprender: {count}",
        "en": "Churn model: examples it could not learn: {count}",
    },
    "model_refused_examples.updated": {
        "pt": "Modelo de churn: ainda há exemplos que ele não pode aprender: {count}",
        "es": "Modelo de churn: aún hay ejemplos que no puede aprender: {count}",
        "en": "Churn model: still examples it cannot learn: {count}",
    },
    "model_refused_examples.body": {
        "pt": "Teriam estragado os números do modelo e ficaram de fora. O modelo em uso continua.",
        "es": "Habrían estropeado los números del modelo y quedaron fuera. El modelo en uso sigue.",
        "en": "They would have broken the model's numbers and were left out. The model in use goes on.",
    },
    "model_refused_examples.settled": {
        "pt": "Modelo de churn: aprende tudo de novo",
        "es": "Modelo de churn: vuelve a aprender todo",
        "en": "Churn model: learns everything again",
    },
    "model_refused_examples.settled.body": {
        "pt": "Nenhum exemplo recusado em 28 dias. O alerta durou {lasted}.",
        "es": "Ningún ejemplo rechazado en 28 días. La alerta duró {lasted}.",
        "en": "No example refused for 28 days. The alert lasted {lasted}.",
    },
    # next steps and what every message has
    "look_for_change": {
        "pt": "veja `zelo churn status`: o que mudou em preços, produto ou clientes?",
        "es": "mire `zelo churn status`: ¿qué cambió en precios, producto o clientes?",
        "en": "see `zelo churn status`: what changed in prices, product or customers?",
    },
    "read_with_care": {
        "pt": "leia as probabilidades com cuidado nas próximas semanas",
        "es": "lea las probabilidades con cuidado en las próximas semanas",
        "en": "read the probabilities with care in the coming weeks",
    },
    "watch_quality": {
        "pt": "acompanhe a qualidade em `zelo churn status`",
        "es": "siga la calidad en `zelo churn status`",
        "en": "watch the quality in `zelo churn status`",
    },
    "look_for_features": {
        "pt": "veja `zelo churn status` e pense no que anda junto com sair: combinações que nenhum indicador tem",
        "es": "mire `zelo churn status` y piense en lo que va junto con irse: combinaciones que ningún indicador tiene",
        "en": "see `zelo churn status`, and think of what goes with leaving together: combinations that no feature has",
    },
    "look_for_bad_events": {
        "pt": "procure eventos com valores impossíveis na origem",
        "es": "busque eventos con valores imposibles en el origen",
        "en": "look for events with impossible values at their source",
    },
    "model": {"pt": "Modelo em uso", "es": "Modelo en uso", "en": "Model in use"},
    "model_sample": {
        "pt": "Clientes que saíram e já contam",
        "es": "Clientes que se fueron y ya cuentan",
        "en": "Customers that left and count",
    },
}

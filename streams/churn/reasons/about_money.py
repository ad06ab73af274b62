"""What reasons about payment, contract and renewal say. How to write one: `template`."""

from collections.abc import Mapping

from streams.churn.reasons.template import Words

MONEY: Mapping[str, Words] = {
    "mrr_low": Words(en="low MRR[: {mrr:money}]", pt="MRR baixo[: {mrr:money}]", es="MRR bajo[: {mrr:money}]"),
    "mrr_high": Words(en="high MRR[: {mrr:money}]", pt="MRR alto[: {mrr:money}]", es="MRR alto[: {mrr:money}]"),
    "users_dear": Words(
        en="high price per active user[: {mrr_per_user:money} a month][ ({active_users_28d:active_users})]",
        pt="preço alto por usuário ativo[: {mrr_per_user:money} por mês][ ({active_users_28d:active_users})]",
        es="precio alto por usuario activo[: {mrr_per_user:money} al mes][ ({active_users_28d:active_users})]",
    ),
    "users_cheap": Words(
        en="low price per active user[: {mrr_per_user:money} a month][ ({active_users_28d:active_users})]",
        pt="preço baixo por usuário ativo[: {mrr_per_user:money} por mês][ ({active_users_28d:active_users})]",
        es="precio bajo por usuario activo[: {mrr_per_user:money} al mes][ ({active_users_28d:active_users})]",
    ),
    "mrr_falling": Words(
        en="MRR down[ {mrr_fall:percent}] in 28 days[ ({mrr_28d_ago_minor:money} to {mrr_minor:money})]",
        pt="MRR em queda[ de {mrr_fall:percent}] em 28 dias[ (de {mrr_28d_ago_minor:money} para {mrr_minor:money})]",
        es="el MRR bajó[ un {mrr_fall:percent}] en 28 días[ (de {mrr_28d_ago_minor:money} a {mrr_minor:money})]",
    ),
    "mrr_growing": Words(
        en="MRR up[ {mrr_rise:percent}] in 28 days[ ({mrr_28d_ago_minor:money} to {mrr_minor:money})]",
        pt="MRR em alta[ de {mrr_rise:percent}] em 28 dias[ (de {mrr_28d_ago_minor:money} para {mrr_minor:money})]",
        es="el MRR subió[ un {mrr_rise:percent}] en 28 días[ (de {mrr_28d_ago_minor:money} a {mrr_minor:money})]",
    ),
    "invoice_overdue": Words(
        en="invoice {days_overdue:days} late|invoice overdue",
        pt="fatura com {days_overdue:days} de atraso|fatura em atraso",
        es="factura con {days_overdue:days} de atraso|factura vencida",
    ),
    "payments_current": Words(en="payments up to date", pt="pagamentos em dia", es="pagos al día"),
    "renewal_due": Words(
        en="renews {days_to_renewal:soon}|renewal is due",
        pt="renova {days_to_renewal:soon}|renovação próxima",
        es="renueva {days_to_renewal:soon}|renovación próxima",
    ),
    "renewal_far": Words(
        en="no renewal due[: {days_to_renewal:soon}]",
        pt="sem renovação próxima[: {days_to_renewal:soon}]",
        es="sin renovación próxima[: {days_to_renewal:soon}]",
    ),
    "renewal_due_long": Words(
        en="a long contract renews {days_to_renewal:soon}[ (it runs for {renewal_period_days:span})]"
        "|a long contract is due for renewal",
        pt="contrato longo renova {days_to_renewal:soon}[ (dura {renewal_period_days:span})]"
        "|contrato longo perto da renovação",
        es="un contrato largo se renueva {days_to_renewal:soon}[ (dura {renewal_period_days:span})]"
        "|un contrato largo está por renovarse",
    ),
    "renewal_due_short": Words(
        en="only a short contract renews {days_to_renewal:soon}[ (it runs for {renewal_period_days:span})]"
        "|only a short contract is due for renewal",
        pt="apenas um contrato curto renova {days_to_renewal:soon}[ (dura {renewal_period_days:span})]"
        "|apenas um contrato curto perto da renovação",
        es="solo un contrato corto se renueva {days_to_renewal:soon}[ (dura {renewal_period_days:span})]"
        "|solo un contrato corto está por renovarse",
    ),
    "renewal_due_little": Words(
        en="renews {days_to_renewal:soon} with little use[ ({quantity_28d:uses} in 28 days)]"
        "|renewal is due with little use",
        pt="renova {days_to_renewal:soon} com pouco uso[ ({quantity_28d:uses} em 28 dias)]"
        "|renovação próxima com pouco uso",
        es="renueva {days_to_renewal:soon} con poco uso[ ({quantity_28d:uses} en 28 días)]"
        "|renovación próxima con poco uso",
    ),
    "renewal_due_much": Words(
        en="renews {days_to_renewal:soon} with much use[ ({quantity_28d:uses} in 28 days)]"
        "|renewal is due with much use",
        pt="renova {days_to_renewal:soon} com muito uso[ ({quantity_28d:uses} em 28 dias)]"
        "|renovação próxima com muito uso",
        es="renueva {days_to_renewal:soon} con mucho uso[ ({quantity_28d:uses} en 28 días)]"
        "|renovación próxima con mucho uso",
    ),
    "renewal_due_quiet": Words(
        en="renews {days_to_renewal:soon} with little use per user"
        "[ ({quantity_28d:uses} by {active_users_28d:active_users} in 28 days)]"
        "|renewal is due with little use per user",
        pt="renova {days_to_renewal:soon} com pouco uso por usuário"
        "[ ({quantity_28d:uses} de {active_users_28d:active_users} em 28 dias)]"
        "|renovação próxima com pouco uso por usuário",
        es="renueva {days_to_renewal:soon} con poco uso por usuario"
        "[ ({quantity_28d:uses} de {active_users_28d:active_users} en 28 días)]"
        "|renovación próxima con poco uso por usuario",
    ),
    "renewal_due_busy": Words(
        en="renews {days_to_renewal:soon} with much use per user"
        "[ ({quantity_28d:uses} by {active_users_28d:active_users} in 28 days)]"
        "|renewal is due with much use per user",
        pt="renova {days_to_renewal:soon} com muito uso por usuário"
        "[ ({quantity_28d:uses} de {active_users_28d:active_users} em 28 dias)]"
        "|renovação próxima com muito uso por usuário",
        es="renueva {days_to_renewal:soon} con mucho uso por usuario"
        "[ ({quantity_28d:uses} de {active_users_28d:active_users} en 28 días)]"
        "|renovación próxima con mucho uso por usuario",
    ),
    "renewal_due_dear": Words(
        en="renews {days_to_renewal:soon} at a high price per active user"
        "[ ({mrr_minor:money} for {active_users_28d:active_users})]"
        "|renewal is due at a high price per active user",
        pt="renova {days_to_renewal:soon} com preço alto por usuário ativo"
        "[ ({mrr_minor:money} para {active_users_28d:active_users})]"
        "|renovação próxima com preço alto por usuário ativo",
        es="renueva {days_to_renewal:soon} con precio alto por usuario activo"
        "[ ({mrr_minor:money} para {active_users_28d:active_users})]"
        "|renovación próxima con precio alto por usuario activo",
    ),
    "renewal_due_cheap": Words(
        en="renews {days_to_renewal:soon} at a low price per active user"
        "[ ({mrr_minor:money} for {active_users_28d:active_users})]"
        "|renewal is due at a low price per active user",
        pt="renova {days_to_renewal:soon} com preço baixo por usuário ativo"
        "[ ({mrr_minor:money} para {active_users_28d:active_users})]"
        "|renovação próxima com preço baixo por usuário ativo",
        es="renueva {days_to_renewal:soon} con precio bajo por usuario activo"
        "[ ({mrr_minor:money} para {active_users_28d:active_users})]"
        "|renovación próxima con precio bajo por usuario activo",
    ),
    "renewal_by_hand": Words(
        en="the contract ends {days_to_renewal:soon} and does not renew by itself"
        "|the contract ends soon and does not renew by itself",
        pt="o contrato termina {days_to_renewal:soon}, sem renovação automática"
        "|o contrato termina em breve, sem renovação automática",
        es="el contrato termina {days_to_renewal:soon} y no se renueva automáticamente"
        "|el contrato termina pronto y no se renueva automáticamente",
    ),
    "renewal_automatic": Words(
        en="the contract renews by itself",
        pt="o contrato tem renovação automática",
        es="el contrato se renueva automáticamente",
    ),
    "end_announced": Words(
        en="end announced[: {days_to_end:soon}][ ({subscriptions_ending:contracts})]",
        pt="fim anunciado[: {days_to_end:soon}][ ({subscriptions_ending:contracts})]",
        es="fin anunciado[: {days_to_end:soon}][ ({subscriptions_ending:contracts})]",
    ),
    "end_none_announced": Words(en="no end announced", pt="nenhum fim anunciado", es="ningún fin anunciado"),
    "cancellation_reported": Words(
        en="told us it is leaving[ ({cancellations_reported_90d:times} in 90 days)]",
        pt="avisou que vai sair[ ({cancellations_reported_90d:times} em 90 dias)]",
        es="avisó que se va[ ({cancellations_reported_90d:times} en 90 días)]",
    ),
    "cancellation_none": Words(
        en="no word of leaving in 90 days",
        pt="nenhum aviso de saída em 90 dias",
        es="sin avisos de baja en 90 días",
    ),
    "subscriptions_few": Words(
        en="few subscriptions[: {subscriptions_active}]",
        pt="poucas assinaturas[: {subscriptions_active}]",
        es="pocas suscripciones[: {subscriptions_active}]",
    ),
    "subscriptions_many": Words(
        en="{subscriptions_active:subscriptions}|several active subscriptions",
        pt="{subscriptions_active:subscriptions}|várias assinaturas ativas",
        es="{subscriptions_active:subscriptions}|varias suscripciones activas",
    ),
}

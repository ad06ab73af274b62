-- Support in working time, first contact resolution, broken limits, tickets by kind and priority (METRICS.md section 3).
-- Days written before have no tickets by kind, and null clocks: fold the topics again to have them.
ALTER TABLE support_daily
    ADD COLUMN IF NOT EXISTS tickets_opened_28d_by_kind Map(LowCardinality(String), Int64) AFTER last_ticket_at,
    ADD COLUMN IF NOT EXISTS tickets_opened_28d_by_priority Map(LowCardinality(String), Int64) AFTER tickets_opened_28d_by_kind,
    ADD COLUMN IF NOT EXISTS tickets_open_by_priority Map(LowCardinality(String), Int64) AFTER tickets_opened_28d_by_priority,
    ADD COLUMN IF NOT EXISTS first_response_business_minutes_28d Nullable(Float64) AFTER tickets_open_by_priority,
    ADD COLUMN IF NOT EXISTS first_response_business_minutes_90d Nullable(Float64) AFTER first_response_business_minutes_28d,
    ADD COLUMN IF NOT EXISTS full_resolution_hours_28d Nullable(Float64) AFTER first_response_business_minutes_90d,
    ADD COLUMN IF NOT EXISTS full_resolution_hours_90d Nullable(Float64) AFTER full_resolution_hours_28d,
    ADD COLUMN IF NOT EXISTS fcr_solved_90d Int64 AFTER full_resolution_hours_90d,
    ADD COLUMN IF NOT EXISTS fcr_first_contact_90d Int64 AFTER fcr_solved_90d,
    ADD COLUMN IF NOT EXISTS fcr_rate_90d Nullable(Float64) AFTER fcr_first_contact_90d,
    ADD COLUMN IF NOT EXISTS sla_breaches_28d Nullable(Int64) AFTER fcr_rate_90d;

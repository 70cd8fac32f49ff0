-- +goose Up
-- Answers that were kept for repeated requests are forgotten after their time.
-- It takes some at a time, and none that another process is at: nobody waits,
-- and no transaction is long. A repeated request that comes after that is a new
-- one, as it already is from the moment its answer expires.
-- +goose StatementBegin
create function forget_answers(most integer) returns integer language sql security definer
	set search_path = public, pg_temp
as $$
	with forgotten as (
		delete from idempotency where ctid = any (array(
			select i.ctid from idempotency i where i.expires_at < now() - interval '1 hour'
			order by i.expires_at limit most for update skip locked))
		returning 1)
	select count(*)::integer from forgotten
$$;
-- +goose StatementEnd
revoke all on function forget_answers from public;
grant execute on function forget_answers to tenure_writer;

-- +goose Down
-- Migrations go forward.
select 1;

//! `stats()`, as JavaScript sees it.

use super::super::js::{Scope, Value};
use crate::pool::{BrowserInfo, Histogram, RejectionCode, RetirementReason, Stats};

/// The whole of it, frozen. `running`: the browser that runs now, where that is known.
pub(super) fn stats<'s>(scope: Scope<'s>, stats: &Stats, running: Option<&BrowserInfo>) -> Value<'s> {
    let Stats {
        tabs,
        standbys,
        contexts,
        waiting,
        waits,
        ..
    } = stats;
    let tabs = sizes(
        scope,
        &[
            ("total", tabs.total),
            ("leased", tabs.leased),
            ("idle", tabs.idle),
            ("closing", tabs.closing),
        ],
    );
    let standbys = sizes(
        scope,
        &[
            ("ready", standbys.ready),
            ("making", standbys.making),
            ("wanted", standbys.wanted),
        ],
    );
    let contexts = sizes(
        scope,
        &[
            ("total", contexts.total),
            ("orphans", contexts.orphans),
            ("closing", contexts.closing),
        ],
    );
    let waiting = sizes(
        scope,
        &[
            ("semaphore", waiting.semaphore),
            ("admission", waiting.admission),
            ("tab", waiting.tab),
            ("standby", waiting.standby),
            ("probe", waiting.probe),
        ],
    );
    let waits = scope
        .object()
        .set("total", histogram(scope, &waits.total))
        .set("semaphore", histogram(scope, &waits.semaphore))
        .set("admission", histogram(scope, &waits.admission))
        .set("tabQueue", histogram(scope, &waits.tab_queue))
        .set("tabStartup", histogram(scope, &waits.tab_startup))
        .set("tabProbe", histogram(scope, &waits.tab_probe));
    scope
        .object()
        .set("maxPages", scope.number(f64::from(stats.max_pages)))
        .set("tabs", tabs)
        .set("standbys", standbys)
        .set("contexts", contexts)
        .set("affinities", size(scope, stats.affinities))
        .set("leases", size(scope, stats.leases))
        .set("waiting", waiting)
        .set("totals", totals(scope, stats))
        .set("browser", browser(scope, stats, running))
        .set("waits", waits.frozen())
        .frozen()
}

fn totals<'s>(scope: Scope<'s>, stats: &Stats) -> Value<'s> {
    let totals = &stats.totals;
    let rejected = RejectionCode::ALL.iter().map(|code| code.name());
    let retirements = RetirementReason::ALL.iter().map(|reason| reason.name());
    let leases = [("warm", totals.warm_leases), ("cold", totals.cold_leases)];
    let standbys = [("made", totals.standbys_made), ("failed", totals.standbys_failed)];
    scope
        .object()
        .set("leases", counts(scope, leases))
        .set("rejected", counts(scope, rejected.zip(totals.rejected)))
        .set("expansions", number(scope, totals.expansions))
        .set("contractions", number(scope, totals.contractions))
        .set("evictions", number(scope, totals.evictions))
        .set("migrations", number(scope, totals.migrations))
        .set("standbys", counts(scope, standbys))
        .set("retirements", counts(scope, retirements.zip(totals.retirements)))
        .set("browserStarts", number(scope, totals.browser_starts))
        .frozen()
}

fn browser<'s>(scope: Scope<'s>, stats: &Stats, running: Option<&BrowserInfo>) -> Value<'s> {
    let known = running.or(stats.browser.as_ref());
    let Some(info) = known else {
        return scope.null();
    };
    super::events::browser_info(scope, info)
        .set("connected", scope.boolean(running.is_some()))
        .frozen()
}

fn histogram<'s>(scope: Scope<'s>, histogram: &Histogram) -> Value<'s> {
    let buckets = histogram.cumulative().map(|(bound, count)| {
        let bound = bound.map_or_else(|| scope.number(f64::INFINITY), |bound| number(scope, bound));
        scope
            .object()
            .set("le", bound)
            .set("count", number(scope, count))
            .frozen()
    });
    scope
        .object()
        .set("buckets", scope.array(buckets).frozen())
        .set("count", number(scope, histogram.count()))
        .set("sum", number(scope, histogram.sum()))
        .frozen()
}

fn counts(scope: Scope<'_>, counts: impl IntoIterator<Item = (&'static str, u64)>) -> Value<'_> {
    let record = scope.object();
    for (name, count) in counts {
        record.set(name, number(scope, count));
    }
    record.frozen()
}

fn sizes<'s>(scope: Scope<'s>, sizes: &[(&str, usize)]) -> Value<'s> {
    let record = scope.object();
    for (name, count) in sizes {
        record.set(name, size(scope, *count));
    }
    record.frozen()
}

fn size(scope: Scope<'_>, size: usize) -> Value<'_> {
    number(scope, size as u64)
}

#[expect(clippy::cast_precision_loss, reason = "nothing is counted to 2^53")]
fn number(scope: Scope<'_>, number: u64) -> Value<'_> {
    scope.number(number as f64)
}

//! The table, as Markdown, so that it can stand in `docs/benchmarks.md` as it is.

use std::fmt;
use std::time::Duration;

struct Row {
    what: String,
    ours: String,
    peer: String,
    ratio: String,
    bound: String,
    kept: bool,
}

/// All rows of one run.
#[derive(Default)]
pub struct Table(Vec<Row>);

impl Table {
    /// A duration beside a bare peer's: the ratio must not exceed the bound.
    pub fn slower_by(&mut self, what: &str, ours: Duration, peer: Duration, bound: f64) {
        let ratio = ours.as_secs_f64() / peer.as_secs_f64();
        self.push(what, show(ours), show(peer), format!("{ratio:.2}"), format!("≤ {bound}"), ratio <= bound);
    }

    /// A rate beside a bare peer's: the ratio must reach the bound.
    pub fn rate_beside(&mut self, what: &str, ours: f64, peer: f64, bound: f64) {
        let ratio = ours / peer;
        self.push(
            what,
            format!("{ours:.0}/s"),
            format!("{peer:.0}/s"),
            format!("{ratio:.2}"),
            format!("≥ {bound}"),
            ratio >= bound,
        );
    }

    /// A rate beside a bare peer's, to be known.
    pub fn note(&mut self, what: &str, ours: f64, peer: f64) {
        self.push(
            what,
            format!("{ours:.0}/s"),
            format!("{peer:.0}/s"),
            format!("{:.2}", ours / peer),
            "–".into(),
            true,
        );
    }

    /// A duration beside a bare peer's, to be known.
    pub fn note_time(&mut self, what: &str, ours: Duration, peer: Duration) {
        let ratio = ours.as_secs_f64() / peer.as_secs_f64();
        self.push(what, show(ours), show(peer), format!("{ratio:.2}"), "–".into(), true);
    }

    /// A rate that must reach a figure; the peer is the physical limit on this machine.
    pub fn rate(&mut self, what: &str, ours: f64, limit: f64, bound: f64) {
        let ratio = ours / limit;
        self.push(
            what,
            format!("{ours:.0}/s"),
            format!("{limit:.0}/s"),
            format!("{ratio:.2}"),
            format!("≥ {bound:.0}/s"),
            ours >= bound,
        );
    }

    /// A rate that must reach a figure, with nothing beside it.
    pub fn rate_alone(&mut self, what: &str, ours: f64, bound: f64) {
        self.push(what, format!("{ours:.0}/s"), "–".into(), "–".into(), format!("≥ {bound:.0}/s"), ours >= bound);
    }

    /// A duration that must stay below a figure.
    pub fn within(&mut self, what: &str, ours: Duration, limit: Option<Duration>, bound: Duration) {
        let peer = limit.map_or_else(|| "–".into(), show);
        let ratio =
            limit.map_or_else(|| "–".into(), |limit| format!("{:.2}", ours.as_secs_f64() / limit.as_secs_f64()));
        self.push(what, show(ours), peer, ratio, format!("≤ {}", show(bound)), ours <= bound);
    }

    /// Two sizes in KiB.
    pub fn larger_by(&mut self, what: &str, ours: u64, peer: u64, bound: f64) {
        let ratio = ours as f64 / peer as f64;
        let mib = |kib: u64| format!("{:.0} MiB", kib as f64 / 1024.0);
        self.push(what, mib(ours), mib(peer), format!("{ratio:.2}"), format!("≤ {bound}"), ratio <= bound);
    }

    /// A size in KiB that must not be larger than a figure.
    #[allow(dead_code, reason = "only the benches beside other stores have one")]
    pub fn no_larger(&mut self, what: &str, ours: u64, bound: u64) {
        let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
        self.push(what, mib(ours), "–".into(), "–".into(), format!("≤ {} MiB", bound >> 10), ours <= bound);
    }

    /// Whether any promise was not kept.
    pub fn missed(&self) -> bool {
        self.0.iter().any(|row| !row.kept)
    }

    fn push(&mut self, what: &str, ours: String, peer: String, ratio: String, bound: String, kept: bool) {
        eprintln!("{what}: {ours} beside {peer}, ratio {ratio}, promised {bound}");
        self.0.push(Row { what: what.into(), ours, peer, ratio, bound, kept });
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | ours | beside | ratio | promised | |\n|---|---|---|---|---|---|")?;
        for row in &self.0 {
            let mark = if row.kept { "✓" } else { "✗" };
            writeln!(f, "| {} | {} | {} | {} | {} | {mark} |", row.what, row.ours, row.peer, row.ratio, row.bound)?;
        }
        Ok(())
    }
}

fn show(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

/// The median of a set of durations.
pub fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

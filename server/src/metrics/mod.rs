//! Figures for Prometheus, in its text format 0.0.4 (docs/operation.md lists them).
//!
//! What happens often is counted by atomics whose place was looked up beforehand; nothing that counts waits for anything.
//! What can be asked for is asked for when somebody reads the page. Labels are names of methods, of error codes, of reasons, and the
//! short names of workspaces, which stand in addresses: nothing that people wrote, and no one's name.

mod key_service;
mod scraped;

pub use key_service::Watched;

use crate::error::{Error, Result};
use crate::tenants::Host;
use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use scraped::Scraped;
use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use thechatapp_database::Committed;
use thechatapp_protocol::{Code, ErrorBody, Method, for_each_method};

/// Seconds within which a call is answered.
const CALL_SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];
/// Seconds within which a transaction is on the disk.
const COMMIT_SECONDS: [f64; 11] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0];
/// Seconds within which a key service answers.
const KEY_SECONDS: [f64; 9] = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0];
/// Writes in one transaction.
const BATCH: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// What a call is counted under that names no method.
const UNKNOWN: &str = "unknown";
/// The outcome of a call that was answered.
const OK: &str = "ok";

/// Why a connection did not become a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// TLS did not come about, or not in time.
    Tls,
    /// Too many of its address had proved nothing yet.
    PushedOut,
    /// There is no such workspace.
    NoWorkspace,
    /// The workspace, or the host, is closed.
    Closed,
    /// The server stops.
    Draining,
    /// It knows another identity document.
    Document,
    /// Something opens TLS on the way.
    Binding,
    /// What it sent is none of ours, or for another server.
    Malformed,
}

impl Refused {
    const ALL: [Self; 8] = [
        Self::Tls,
        Self::PushedOut,
        Self::NoWorkspace,
        Self::Closed,
        Self::Draining,
        Self::Document,
        Self::Binding,
        Self::Malformed,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::PushedOut => "pushed_out",
            Self::NoWorkspace => "no_workspace",
            Self::Closed => "closed",
            Self::Draining => "draining",
            Self::Document => "document",
            Self::Binding => "binding",
            Self::Malformed => "malformed",
        }
    }
}

/// A method's figures, looked up once.
struct OfMethod {
    answered: IntCounter,
    seconds: Histogram,
}

/// The figures of one host.
pub struct Figures {
    registry: Registry,
    /// Live sessions of enrolled devices.
    pub sessions: IntGauge,
    /// Bytes of files taken in, sealed.
    pub uploaded: IntCounter,
    /// Bytes of files sent, sealed.
    pub downloaded: IntCounter,
    methods: HashMap<&'static str, OfMethod>,
    calls: IntCounterVec,
    refused: IntCounterVec,
    writes: IntCounter,
    commits: IntCounter,
    commit_seconds: Histogram,
    transaction_seconds: Histogram,
    batch: Histogram,
    key_calls: IntCounterVec,
    key_seconds: HistogramVec,
    backups: IntCounterVec,
    backup_made: IntGauge,
    backup_missing: IntGauge,
    scraped: Scraped,
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Figures(..)")
    }
}

/// Makes figures and puts them on the page.
struct Maker(Registry);

type Made<T> = prometheus::Result<T>;

impl Maker {
    fn put<C: Collector + Clone + 'static>(&self, figure: C) -> Made<C> {
        self.0.register(Box::new(figure.clone()))?;
        Ok(figure)
    }

    fn counter(&self, name: &str, help: &str) -> Made<IntCounter> {
        self.put(IntCounter::new(name, help)?)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Made<IntCounterVec> {
        self.put(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str) -> Made<IntGauge> {
        self.put(IntGauge::new(name, help)?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Made<IntGaugeVec> {
        self.put(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Made<Histogram> {
        self.put(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?)
    }

    fn histograms(&self, name: &str, help: &str, buckets: &[f64], labels: &[&str]) -> Made<HistogramVec> {
        self.put(HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)?)
    }
}

impl Figures {
    /// All at nothing.
    ///
    /// # Errors
    /// Internal, which cannot happen for the names in use.
    pub fn new() -> Result<Self> {
        Self::make().map_err(|why| Error::internal("Figures could not be made", why))
    }

    fn make() -> Made<Self> {
        let make = Maker(Registry::new_custom(Some("thechatapp".to_owned()), None)?);
        let build = make.gauges("build_info", "Always 1; what runs is in its labels", &["version", "sqlite"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), rusqlite::version()]).set(1);
        let started = make.gauge("start_time_seconds", "When the server was started, in Unix time")?;
        started.set(seconds(SystemTime::now()));

        let calls = make.counters("calls_total", "Calls in sessions, by method and outcome", &["method", "code"])?;
        let call_seconds =
            make.histograms("call_seconds", "From a call to its answer, by method", &CALL_SECONDS, &["method"])?;
        let refused = make.counters("refused_total", "Connections that did not become sessions", &["reason"])?;
        for reason in Refused::ALL {
            refused.with_label_values(&[reason.name()]);
        }
        let backups = make.counters("backups_total", "Backups made since the start, by outcome", &["outcome"])?;
        for outcome in [OK, "partial", "failed"] {
            backups.with_label_values(&[outcome]);
        }
        macro_rules! all {
            ($($method:ty),+ $(,)?) => { [$(<$method as Method>::NAME),+] };
        }
        let names = for_each_method!(all);
        let methods = names.into_iter().chain([UNKNOWN]).map(|name| {
            let (answered, seconds) = (calls.with_label_values(&[name, OK]), call_seconds.with_label_values(&[name]));
            (name, OfMethod { answered, seconds })
        });
        Ok(Self {
            methods: methods.collect(),
            sessions: make.gauge("sessions", "Live sessions of enrolled devices")?,
            uploaded: make.counter("uploaded_bytes_total", "Bytes of files taken in, sealed")?,
            downloaded: make.counter("downloaded_bytes_total", "Bytes of files sent, sealed")?,
            writes: make.counter("writes_total", "Writes that were committed")?,
            commits: make.counter("commits_total", "Transactions in which they were")?,
            commit_seconds: make.histogram(
                "commit_seconds",
                "The commit of a transaction: mostly the wait for the disk",
                &COMMIT_SECONDS,
            )?,
            transaction_seconds: make.histogram(
                "transaction_seconds",
                "A whole transaction, from its first write to its end",
                &COMMIT_SECONDS,
            )?,
            batch: make.histogram("batch_writes", "Writes that shared a transaction", &BATCH)?,
            key_calls: make.counters("key_calls_total", "Calls of the key service", &["call", "outcome"])?,
            key_seconds: make.histograms("key_call_seconds", "How long they took", &KEY_SECONDS, &["call"])?,
            backup_made: make.gauge(
                "backup_made_timestamp_seconds",
                "When the newest complete backup was begun; 0: none is known",
            )?,
            backup_missing: make.gauge(
                "backup_workspaces_missing",
                "Workspaces that are not in the backup made last, since the start",
            )?,
            scraped: Scraped::new(&make)?,
            registry: make.0,
            calls,
            refused,
            backups,
        })
    }

    /// A call was answered, after so long.
    pub fn called<T>(&self, method: &str, answer: &std::result::Result<T, ErrorBody>, took: Duration) {
        let known = self.methods.get_key_value(method).or_else(|| self.methods.get_key_value(UNKNOWN));
        let Some((name, of)) = known else { return };
        of.seconds.observe(took.as_secs_f64());
        match answer {
            Ok(_) => of.answered.inc(),
            Err(body) => self.calls.with_label_values(&[name, code(body.code)]).inc(),
        }
    }

    /// A connection did not become a session.
    pub fn refused(&self, why: Refused) {
        self.refused.with_label_values(&[why.name()]).inc();
    }

    /// A transaction was committed.
    pub fn committed(&self, committed: Committed) {
        self.writes.inc_by(committed.jobs as u64);
        self.commits.inc();
        self.batch.observe(committed.jobs as f64);
        self.commit_seconds.observe(committed.commit.as_secs_f64());
        self.transaction_seconds.observe(committed.took.as_secs_f64());
    }

    /// A backup was begun at this time, and so many workspaces are not in it; or none could be made.
    pub fn backup(&self, begun: thechatapp_protocol::Timestamp, missing: Option<usize>) {
        let outcome = match missing {
            Some(0) => OK,
            Some(_) => "partial",
            None => "failed",
        };
        self.backups.with_label_values(&[outcome]).inc();
        if let Some(missing) = missing {
            self.backup_missing.set(i64::try_from(missing).unwrap_or(i64::MAX));
        }
        if missing == Some(0) {
            self.newest_backup(begun);
        }
    }

    /// There is a backup, begun at this time.
    pub fn newest_backup(&self, at: thechatapp_protocol::Timestamp) {
        self.backup_made.set(at.0 / 1000);
    }

    /// The page that Prometheus reads.
    pub async fn page(&self, host: &Host, half_open: usize) -> String {
        if let Some(at) = host.backup_health().made
            && at.0 / 1000 > self.backup_made.get()
        {
            self.newest_backup(at);
        }
        self.scraped.ask(host, half_open).await;
        let mut page = String::new();
        if let Err(why) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut page) {
            tracing::error!(%why, "figures could not be written");
        }
        page
    }
}

/// A code's name on the wire.
fn code(code: Code) -> &'static str {
    match code {
        Code::BadInput => "bad_input",
        Code::NotFound => "not_found",
        Code::Denied => "denied",
        Code::LockedOut => "locked_out",
        Code::StepUp => "step_up",
        Code::SecondFactor => "second_factor",
        Code::SignedOut => "signed_out",
        Code::Conflict => "conflict",
        Code::Resync => "resync",
        Code::Narrowed => "narrowed",
        Code::Busy => "busy",
        Code::DiskFull => "disk_full",
        Code::KeyService => "key_service",
        Code::Removed => "removed",
        Code::Damaged => "damaged",
        Code::Unavailable => "unavailable",
        Code::Internal => "internal",
    }
}

fn seconds(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

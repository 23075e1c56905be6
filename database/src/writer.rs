//! One thread that owns the writing connection. Jobs that wait at the same time share one transaction, each in a
//! savepoint of its own, and are answered after the commit: one wait for the disk serves them all.

use crate::{Error, in_use};
use rusqlite::Connection;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Most jobs in one transaction.
const GROUP_MAX: usize = 256;

type Answer = Box<dyn FnOnce(Result<(), Error>) + Send>;
/// Runs with a connection inside a transaction; without one it does nothing but say how to answer.
type Job<N> = Box<dyn FnOnce(Option<(&Connection, &mut Vec<N>)>) -> (bool, Answer) + Send>;
type Apart = Box<dyn FnOnce(&mut Connection) + Send>;

enum Order<N> {
    Grouped(Job<N>),
    Apart(Apart),
}

/// A handle to the writer of one database; `N` is what jobs leave behind for those who listen to commits. The thread
/// ends, and closes the database, when the last handle is dropped.
pub struct Writer<N> {
    orders: mpsc::Sender<Order<N>>,
    counts: Arc<Counts>,
}

/// What a writer has done since it was started.
#[derive(Debug, Default)]
struct Counts {
    jobs: AtomicU64,
    commits: AtomicU64,
    waiting: AtomicI64,
}

/// A transaction that was committed, as whoever watches a writer is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Committed {
    /// Jobs that shared it.
    pub jobs: usize,
    /// From its beginning to its end.
    pub took: Duration,
    /// The commit alone: mostly the wait for the disk.
    pub commit: Duration,
}

impl<N> Clone for Writer<N> {
    fn clone(&self) -> Self {
        Self { orders: self.orders.clone(), counts: self.counts.clone() }
    }
}

impl<N> fmt::Debug for Writer<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer(..)")
    }
}

impl<N: Send + 'static> Writer<N> {
    /// Starts the writer. `committed` runs on its thread after each commit, before any job of it is answered, with what
    /// those jobs left behind, in order.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        db: Connection,
        committed: impl FnMut(Vec<N>) + Send + 'static,
    ) -> Result<(Self, JoinHandle<()>), Error> {
        Self::start_watched(db, committed, |_| {})
    }

    /// The same; `watch` is told of each commit, on the writer's thread, before anybody is answered: it must be quick.
    ///
    /// # Errors
    /// The same.
    pub fn start_watched(
        db: Connection,
        committed: impl FnMut(Vec<N>) + Send + 'static,
        watch: impl FnMut(Committed) + Send + 'static,
    ) -> Result<(Self, JoinHandle<()>), Error> {
        let (orders, inbox) = mpsc::channel();
        let counts = Arc::<Counts>::default();
        let counted = counts.clone();
        let thread = std::thread::Builder::new()
            .name("database-writer".into())
            .spawn(move || run(db, &inbox, committed, watch, &counted))
            .map_err(|why| Error::Unfit(why.to_string()))?;
        Ok((Self { orders, counts }, thread))
    }

    /// How many jobs were committed, and in how many transactions.
    pub fn committed(&self) -> (u64, u64) {
        (self.counts.jobs.load(Ordering::Relaxed), self.counts.commits.load(Ordering::Relaxed))
    }

    /// How many jobs wait, or are in the transaction under way.
    pub fn waiting(&self) -> u64 {
        u64::try_from(self.counts.waiting.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Runs a job in the next transaction and answers after it is committed. A job that fails is undone alone.
    ///
    /// # Errors
    /// The job's own, or that of the commit.
    pub async fn write<T, E>(
        &self,
        job: impl FnOnce(&Connection, &mut Vec<N>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job<N> = Box::new(move |place| {
            let done = place.map(|(db, notes)| job(db, notes));
            let kept = matches!(done, Some(Ok(_)));
            let finish: Answer = Box::new(move |committed| {
                let _ = answer.send(match (done, committed) {
                    (Some(Err(own)), _) => Err(own),
                    (_, Err(why)) => Err(why.into()),
                    (Some(done), Ok(())) => done,
                    (None, Ok(())) => Err(Error::Closed.into()),
                });
            });
            (kept, finish)
        });
        let _waiting = Waiting::new(&self.counts);
        self.orders.send(Order::Grouped(job)).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// Runs something that wants the connection to itself, between two transactions.
    ///
    /// # Errors
    /// Its own.
    pub async fn apart<T, E>(&self, job: impl FnOnce(&mut Connection) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Apart = Box::new(move |db| {
            let _ = answer.send(job(db));
        });
        self.orders.send(Order::Apart(job)).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// While somebody has a handle the thread ends only by a job that panics.
fn gone() -> Error {
    Error::Failed("the thread that writes has ended badly".into())
}

/// Counts among those who wait while it lives.
struct Waiting<'a>(&'a Counts);

impl<'a> Waiting<'a> {
    fn new(counts: &'a Counts) -> Self {
        counts.waiting.fetch_add(1, Ordering::Relaxed);
        Self(counts)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

fn run<N>(
    mut db: Connection,
    inbox: &mpsc::Receiver<Order<N>>,
    mut committed: impl FnMut(Vec<N>),
    mut watch: impl FnMut(Committed),
    counts: &Counts,
) {
    while let Ok(order) = inbox.recv() {
        let _in_use = in_use();
        let mut next = Some(order);
        while let Some(order) = next.take() {
            match order {
                Order::Apart(job) => job(&mut db),
                Order::Grouped(job) => next = group(&db, job, inbox, (&mut committed, &mut watch), counts),
            }
        }
    }
    let _in_use = in_use();
    drop(db);
}

/// One transaction with this job and those that wait behind it. An order that is no job ends it and is handed back.
fn group<N>(
    db: &Connection,
    first: Job<N>,
    inbox: &mpsc::Receiver<Order<N>>,
    (committed, watch): (&mut impl FnMut(Vec<N>), &mut impl FnMut(Committed)),
    counts: &Counts,
) -> Option<Order<N>> {
    let begun = Instant::now();
    let mut answers = Vec::new();
    let mut notes = Vec::new();
    let mut broken = db.execute_batch("BEGIN IMMEDIATE").err();
    let mut job = Some(first);
    let mut after = None;
    while let Some(next) = job.take() {
        let before = notes.len();
        let opened = match broken.take() {
            None => savepoint(db, "SAVEPOINT job"),
            Some(why) => Err(why),
        };
        let (kept, answer) = next(opened.is_ok().then_some((db, &mut notes)));
        let ended = opened.and_then(|()| {
            if !kept {
                notes.truncate(before);
                savepoint(db, "ROLLBACK TO job")?;
            }
            savepoint(db, "RELEASE job")
        });
        // A full disk makes SQLite undo the whole transaction by itself; then nobody's job was kept.
        broken = ended.err();
        answers.push(answer);
        if answers.len() >= GROUP_MAX || broken.is_some() {
            break;
        }
        match inbox.try_recv() {
            Ok(Order::Grouped(another)) => job = Some(another),
            Ok(other) => after = Some(other),
            Err(_) => {}
        }
    }
    let committing = Instant::now();
    let done = match broken {
        None => db.execute_batch("COMMIT"),
        Some(why) => Err(why),
    };
    if let Err(why) = done {
        if !db.is_autocommit() {
            let _ = db.execute_batch("ROLLBACK");
        }
        let text = why.to_string();
        let first = Error::from(why);
        for answer in answers {
            answer(Err(first.same(&text)));
        }
        return after;
    }
    counts.jobs.fetch_add(answers.len() as u64, Ordering::Relaxed);
    counts.commits.fetch_add(1, Ordering::Relaxed);
    watch(Committed { jobs: answers.len(), took: begun.elapsed(), commit: committing.elapsed() });
    if !notes.is_empty() {
        committed(notes);
    }
    for answer in answers {
        answer(Ok(()));
    }
    after
}

fn savepoint(db: &Connection, sql: &str) -> rusqlite::Result<()> {
    db.prepare_cached(sql)?.execute([]).map(|_| ())
}

impl Error {
    /// The same error once more, for each job of a transaction that failed.
    fn same(&self, text: &str) -> Self {
        match self {
            Self::Full(_) => Self::Full(text.to_owned()),
            Self::NoLocks(_) => Self::NoLocks(text.to_owned()),
            Self::Damaged(_) | Self::NotADatabase => Self::Damaged(text.to_owned()),
            _ => Self::Failed(text.to_owned()),
        }
    }
}

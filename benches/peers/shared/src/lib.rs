//! What both sides are given: the same people saying the same things in the same channels at the same times, made of real
//! conversations (`[HH:MM] <nick> text`, a file a day), repeated until there are enough messages.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// When the first message was said, and how long all channels have been talking since, in milliseconds.
const BEGINNING: i64 = 1_704_067_200_000;
const TALKED: i64 = 2 * 365 * 86_400_000;

/// Messages of a page (`PAGE_MAX` of the protocol), how much a device has on its way on a fast line (`core/src/sync/history.rs`), and
/// rows of the stream that are applied together (`core/src/sync/follow.rs`).
const PAGE: usize = 2000;
const TOGETHER: usize = 16_000;
const PAGES_TOGETHER: usize = 48;
const STREAMED: usize = 4000;

/// One line of a conversation.
pub struct Line {
    /// Whose, as a number in [`Texts::people`].
    pub author: usize,
    pub text: String,
}

pub struct Texts {
    pub people: Vec<String>,
    pub lines: Vec<Line>,
}

impl Texts {
    /// Every line that somebody said, in the order of the files' names.
    pub fn read(folder: &Path) -> Self {
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "txt" || extension == "log"));
        files.sort();
        let (mut known, mut people, mut lines) = (HashMap::<String, usize>::new(), Vec::new(), Vec::new());
        for file in files {
            let text = String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
            for line in text.lines() {
                let Some((nick, said)) = said(line) else { continue };
                let author = *known.entry(nick.to_owned()).or_insert_with(|| {
                    people.push(nick.to_owned());
                    people.len() - 1
                });
                lines.push(Line { author, text: said.to_owned() });
            }
        }
        assert!(!lines.is_empty(), "there is no conversation in {}", folder.display());
        Self { people, lines }
    }
}

fn said(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix('[')?.split_once("] <")?.1.split_once("> ")
}

/// A channel.
pub struct Room {
    pub number: usize,
    pub messages: usize,
    /// The line it begins with.
    first: usize,
}

/// A message as it is said.
pub struct Message<'a> {
    /// Its number in its channel, from 1 on.
    pub seq: usize,
    pub at: i64,
    pub author: usize,
    pub text: &'a str,
    /// How many people reacted.
    pub reactions: usize,
    pub has_file: bool,
}

/// As many channels with as many messages together. Of a hundred channels one is busy, and has half of what the busy ones have
/// together; nine are usual; the rest is quiet. Fewer than a hundred are all alike.
pub fn rooms(messages: usize, channels: usize) -> Vec<Room> {
    let (busy, usual) = (channels / 100, channels / 10);
    let mut first = 0;
    let mut rooms: Vec<Room> = (0..channels)
        .map(|number| {
            // Not one kind after the other: the order is that of the numbers.
            let rank = number * 617 % channels;
            let size = match rank {
                _ if busy == 0 => messages / channels,
                _ if rank < busy => messages / 2 / busy,
                _ if rank < usual => messages * 36 / 100 / (usual - busy),
                _ => messages * 14 / 100 / (channels - usual),
            };
            let room = Room { number, messages: size, first };
            first += size;
            room
        })
        .collect();
    rooms[0].messages += messages - first;
    rooms
}

impl Room {
    pub fn message<'a>(&self, texts: &'a Texts, seq: usize) -> Message<'a> {
        let line = &texts.lines[(self.first + seq - 1) % texts.lines.len()];
        let (step, some) = (TALKED / self.messages as i64, (self.number * 7919 + seq * 31) % 60_000);
        Message {
            seq,
            at: BEGINNING + (seq as i64 - 1) * step + some as i64 % step.max(1),
            author: line.author,
            text: &line.text,
            reactions: if seq % 10 == 3 { 1 + seq % 3 } else { 0 },
            has_file: seq % 25 == 7,
        }
    }
}

/// A channel's messages from a number to another.
pub type Page<'a> = (&'a Room, usize, usize);

/// All that there is in pages, as a device fetches them: the newest first, whichever channel they are of; those together that are
/// applied together.
pub fn pages<'a>(texts: &Texts, rooms: &'a [Room]) -> Vec<Vec<Page<'a>>> {
    let mut all: Vec<Page<'_>> = Vec::new();
    for room in rooms {
        let mut last = room.messages;
        while last > 0 {
            let first = (last + 1).saturating_sub(PAGE).max(1);
            all.push((room, first, last));
            last = first - 1;
        }
    }
    all.sort_by_key(|(room, _, last)| std::cmp::Reverse(room.message(texts, *last).at));
    let (mut groups, mut numbers) = (vec![Vec::new()], 0);
    for page in all {
        if numbers >= TOGETHER || groups[groups.len() - 1].len() >= PAGES_TOGETHER {
            groups.push(Vec::new());
            numbers = 0;
        }
        numbers += page.2 - page.1 + 1;
        groups.last_mut().unwrap().push(page);
    }
    groups
}

/// All that there is as a server's stream tells it, in the order in which it was said; as much together as is applied together.
pub fn stream<'a>(texts: &Texts, rooms: &'a [Room]) -> Vec<Vec<Page<'a>>> {
    let every = |room: &'a Room| (1..=room.messages).map(move |seq| (room, seq, seq));
    let mut all: Vec<Page<'_>> = rooms.iter().flat_map(every).collect();
    all.sort_by_key(|(room, seq, _)| room.message(texts, *seq).at);
    all.chunks(STREAMED).map(<[_]>::to_vec).collect()
}

/// What something took: by the clock, and of the processor. On a busy machine the latter says more.
#[derive(Clone, Copy, Default)]
pub struct Took {
    pub clock: Duration,
    pub processor: Duration,
}

impl Took {
    /// Adds what a part of it takes.
    pub fn begin(&self) -> Begun {
        Begun { before: *self, clock: Instant::now(), processor: processor() }
    }
}

pub struct Begun {
    before: Took,
    clock: Instant,
    processor: Duration,
}

impl Begun {
    pub fn end(self) -> Took {
        let processor = processor() - self.processor;
        Took { clock: self.before.clock + self.clock.elapsed(), processor: self.before.processor + processor }
    }
}

/// What all threads of this process had of the processor so far.
fn processor() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// The middle one.
pub fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

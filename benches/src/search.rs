//! The server's search over more than a million messages, and how fast its index takes them in beside a bare FTS5 table that
//! is fed the same number of keyed tokens.

use crate::bare::{database, keyed_tokens};
use crate::history::logs;
use crate::table::{Table, median};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use thechatapp_protocol::methods::messages::{Found, Search, SearchParams};
use thechatapp_protocol::search::words;
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::{Server, server::json};

/// Messages that the server's index takes in with one commit.
const TOGETHER: usize = 128;
/// Messages that one search takes in at most before it answers.
const ROUND: u64 = 5000;
const WANTED: u64 = 1_000_000;
/// How many queries of each kind.
const EACH: usize = 60;

pub async fn run(table: &mut Table, given: Option<&Path>) {
    let folder = tempfile::tempdir().unwrap();
    let files = logs(given, folder.path());
    let lines: Vec<String> = files.iter().flat_map(|path| said(path)).collect();

    let mut server = Server::init();
    let config = server.folder.path().join("config.toml");
    let index = |on: bool| std::fs::write(&config, format!("[search]\nindex = {on}\n")).unwrap();
    index(false);
    server.config = Some(config.clone());
    server.serve();
    let begun = Instant::now();
    let one = import(&server, &files, "history0");
    let imported = begun.elapsed();
    let mut total = one;
    let mut asker = RawClient::join(&server, server.owner_invite(), "asker").await;
    server.stop();
    index(true);
    server.serve();
    asker.again(&server).await;
    let begun = Instant::now();
    take_in(&mut asker, one).await;
    let indexed = begun.elapsed();
    let rate = |count: u64, took: Duration| count as f64 / took.as_secs_f64();
    table.rate_beside("messages taken into the search index", rate(one, indexed), fts5(&lines), 0.6);
    let both = rate(one, imported + indexed);
    table.rate_beside("import until the index has it, beside no index", both, rate(one, imported), 0.25);

    let mut copy = 0;
    while total < WANTED {
        copy += 1;
        let more = import(&server, &files, &format!("history{copy}"));
        take_in(&mut asker, more).await;
        total += more;
    }
    let queries = queries(&mut asker, &lines).await;
    let (mut all, mut by_kind) = (Vec::new(), HashMap::<&str, Vec<Duration>>::new());
    for (kind, query) in &queries {
        let begun = Instant::now();
        let found = search(&mut asker, query).await;
        let took = begun.elapsed();
        assert_eq!(found.messages.is_empty(), kind.starts_with("absent"), "{kind} {query:?}");
        all.push(took);
        by_kind.entry(kind).or_default().push(took);
    }
    for (kind, times) in by_kind {
        let longest = times.iter().max().copied().unwrap_or_default();
        eprintln!("{kind}: median {:?}, longest {longest:?}", median(times));
    }
    all.sort_unstable();
    let what = format!("search on the server over {total} messages");
    table.within(&format!("{what}, median of {}", all.len()), all[all.len() / 2], None, Duration::from_millis(30));
    table.within(&format!("{what}, 99th of 100"), all[all.len() * 99 / 100], None, Duration::from_millis(150));
}

pub fn import(server: &Server, files: &[PathBuf], channel: &str) -> u64 {
    let mut args = vec!["import", "--workspace", "acme", "--format", "irc", "--channel", channel];
    args.extend(files.iter().map(|path| path.to_str().unwrap()));
    json(&server.run(&args))["messages"].as_u64().unwrap()
}

/// A search takes in what the index lacks, some thousands at a time; the last one finds everything there.
async fn take_in(asker: &mut RawClient, count: u64) {
    for _ in 0..=count / ROUND {
        search(asker, &SearchParams { words: "nothing".into(), ..SearchParams::default() }).await;
    }
}

async fn search(asker: &mut RawClient, query: &SearchParams) -> Found {
    asker.call::<Search>(query).await.unwrap()
}

/// What people said, without who and when.
pub fn said(path: &Path) -> Vec<String> {
    let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    let said =
        |line: &str| line.strip_prefix('[')?.split_once("] <")?.1.split_once("> ").map(|(_, said)| said.to_owned());
    text.lines().filter_map(said).collect()
}

/// A bare sealed FTS5 table, fed with the tokens of the same lines, as many in a transaction as the server takes.
fn fts5(lines: &[String]) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder.path().join("bare.db"));
    db.execute_batch(
        "CREATE VIRTUAL TABLE search USING fts5(words, marks, content='', contentless_delete=1, tokenize='ascii')",
    )
    .unwrap();
    let tokens: Vec<_> = lines.iter().map(|line| keyed_tokens(line)).collect();
    let begun = Instant::now();
    let mut rowid = 0;
    for some in tokens.chunks(TOGETHER) {
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        for (words, marks) in some {
            rowid += 1;
            db.prepare_cached("INSERT INTO search (rowid, words, marks) VALUES (?1, ?2, ?3)")
                .unwrap()
                .execute((rowid << 20, words, marks))
                .unwrap();
        }
        db.execute_batch("COMMIT").unwrap();
    }
    tokens.len() as f64 / begun.elapsed().as_secs_f64()
}

/// Questions of all kinds, each kind mixed among the others.
async fn queries(asker: &mut RawClient, lines: &[String]) -> Vec<(&'static str, SearchParams)> {
    let mut counts = HashMap::<String, usize>::new();
    for line in lines {
        for word in words(line) {
            *counts.entry(word.to_string()).or_default() += 1;
        }
    }
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_by(|one, other| (other.1, &one.0).cmp(&(one.1, &other.0)));
    let at = |rank: usize| ranked[rank % ranked.len()].0.clone();
    let plain = |words: String| SearchParams { words, ..SearchParams::default() };
    let someone = search(asker, &plain(at(5))).await.messages[0].author;
    let somewhere = search(asker, &plain(at(5))).await.messages[0].channel;
    let phrases: Vec<String> = lines
        .iter()
        .step_by(lines.len() / EACH / 3)
        .map(|line| words(line).take(2).map(|word| word.to_string()).collect::<Vec<_>>())
        .filter(|pair| pair.len() == 2)
        .map(|pair| format!("\"{}\"", pair.join(" ")))
        .take(EACH)
        .collect();
    let starts: Vec<String> = ranked
        .iter()
        .skip(200)
        .filter(|(word, _)| word.is_ascii() && word.len() > 6)
        .map(|(word, _)| word.clone())
        .collect();
    let mut all = Vec::new();
    for (number, phrase) in phrases.iter().enumerate() {
        all.push(("common", plain(at(number))));
        all.push(("usual", plain(at(1000 + number * 7))));
        all.push(("rare", plain(at(ranked.len() - 1 - number * 11))));
        all.push(("phrase", plain(phrase.clone())));
        all.push(("two common", plain(format!("{} {}", at(number + 3), at(number * 2 + 40)))));
        all.push(("start", plain(format!("{}*", &starts[number * 13][..3 + number % 4]))));
        all.push(("here", SearchParams { channel: Some(somewhere), ..plain(at(number + 100)) }));
        all.push(("by someone", SearchParams { author: Some(someone), ..plain(at(number % 9)) }));
        all.push(("absent", plain(format!("absent{number}"))));
        all.push(("absent with a file", SearchParams { has_file: true, ..plain(at(number)) }));
    }
    all.retain(|(kind, query)| *kind != "two common" || query.words.split(' ').count() == 2);
    all
}

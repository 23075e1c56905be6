//! A long history: import, first sync into a sealed and searchable cache, first page, search.

use crate::bare::{database, insert};
use crate::table::{Table, median};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use thechatapp_core::view::{SearchQuery, Window};
use thechatapp_tests::{Server, person, person::Memory, server::json};

/// Logs to import: those given, or as many made of a small vocabulary.
pub fn logs(given: Option<&Path>, folder: &Path) -> Vec<PathBuf> {
    if let Some(given) = given {
        let mut files: Vec<_> = thechatapp_tests::files_below(given);
        files.retain(|path| path.extension().is_some_and(|extension| extension == "txt" || extension == "log"));
        files.sort();
        return files;
    }
    eprintln!("no --logs DIR given: a made-up history is used");
    let words: Vec<String> = (0..4000u32).map(|n| format!("w{:x}", n.wrapping_mul(2_654_435_761))).collect();
    (0..153)
        .map(|day| {
            let mut text = String::new();
            for line in 0..1282usize {
                let nick = (line * 7 + day) % 97;
                text += &format!("[{:02}:{:02}] <nick{nick}>", line / 60 % 24, line % 60);
                for word in 0..12 {
                    // Frequent and rare words, as in a language.
                    let pick = (line * 31 + word * 17 + day * 13) % 4000;
                    text += &format!(" {}", words[pick * pick / 4000]);
                }
                text.push('\n');
            }
            let path = folder.join(format!("20{:02}-{:02}-{:02}.log", 5 + day / 84, 1 + day / 28 % 12, 1 + day % 28));
            std::fs::write(&path, text).unwrap();
            path
        })
        .collect()
}

pub async fn run(table: &mut Table, given: Option<&Path>) {
    let folder = tempfile::tempdir().unwrap();
    let files = logs(given, folder.path());
    let server = Server::start();
    let mut args = vec!["import", "--workspace", "acme", "--format", "irc", "--channel", "history"];
    args.extend(files.iter().map(|path| path.to_str().unwrap()));
    let begun = Instant::now();
    let imported = json(&server.run(&args));
    let took = begun.elapsed();
    let count = imported["messages"].as_u64().unwrap();
    let limit = bare_loop(count);
    table.rate(&format!("import of {count} messages"), count as f64 / took.as_secs_f64(), limit, 15_000.0);

    let (client, workspace) =
        person(&folder.path().join("profile"), &Arc::new(Memory::default()), server.owner_invite(), "alice").await;
    client.connect(workspace, Duration::from_secs(20)).await.unwrap();
    let channel = client.resolve_channel(workspace, "history").await.unwrap().id;
    client.join_channel(workspace, channel).await.unwrap();
    let begun = Instant::now();
    let fetched = client.backfill(workspace, channel, &mut |_, _| {}).await.unwrap();
    let took = begun.elapsed();
    assert_eq!(fetched, count, "the whole channel is on the device");
    table.rate("first sync into the searchable cache", count as f64 / took.as_secs_f64(), limit, 20_000.0);

    let mut pages = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        let page = client.timeline(workspace, channel, Window::Latest, 50).await.unwrap();
        pages.push(begun.elapsed());
        assert_eq!(page.messages.len(), 50);
    }
    table.within("first page from the cache", median(pages), None, Duration::from_millis(3));

    let word = if given.is_some() { "install" } else { "w0" };
    let mut hits = Vec::new();
    for _ in 0..200 {
        let query = SearchQuery { words: word.into(), limit: 20, ..Default::default() };
        let begun = Instant::now();
        let found = client.search(workspace, &query).await.unwrap();
        hits.push(begun.elapsed());
        assert_eq!(found.len(), 20);
    }
    table.within("newest 20 hits of a word", median(hits), None, Duration::from_millis(2));
}

/// The physical limit: bare rows into SQLCipher, 2,000 in a transaction.
fn bare_loop(count: u64) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder.path().join("bare.db"));
    let begun = Instant::now();
    let mut seq = 0;
    while seq < count as i64 {
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        for _ in 0..2000 {
            seq += 1;
            insert(&db, seq, "a line of ordinary length, as people write it in a channel");
        }
        db.execute_batch("COMMIT").unwrap();
    }
    seq as f64 / begun.elapsed().as_secs_f64()
}

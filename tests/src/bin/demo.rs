//! What `cargo xtask demo` runs: a server with a conversation in it, and two people's windows. With a display they are
//! yours to type into; with `--headless` they talk to each other under Xvfb. Everything is in temporary folders, deleted
//! at the end.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant, SystemTime};
use thechatapp_tests::window::{Display, Window};
use thechatapp_tests::{Cli, Server, bin, server};

const CHANNEL: &str = "release";
const CONVERSATION: &str = include_str!("../../demo/conversation.irc");
/// The workspace's owner, and a colleague.
const NAMES: [&str; 2] = ["Marta Silva", "Inês Duarte"];
const FILES: [&str; 2] = ["marta.png", "ines.png"];

/// Who says what, in turn.
const WORDS: [(usize, &str); 4] = [
    (0, "Inês, the release notes are in. Can you read them once more before we tag?"),
    (1, "Reading now. The upgrade section is much clearer than last time."),
    (0, "Good. I tag at four, then."),
    (1, "Four is fine. I will watch the servers."),
];

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let out = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => None,
        ["--headless", "--out", folder] => Some(PathBuf::from(folder)),
        _ => {
            eprintln!("usage: demo [--headless --out DIR]");
            return ExitCode::from(2);
        }
    };
    let server = stage();
    let people = NAMES.map(|_| Cli::with_passphrase());
    let invites = [server.owner_invite().to_owned(), server.invite()];
    for ((person, name), invite) in people.iter().zip(NAMES).zip(invites) {
        person.join(&invite, name).ok();
        person.run(&["join-channel", CHANNEL]).ok();
        println!("{name} has joined");
    }
    match out {
        Some(folder) => talk(&people, &folder).await,
        None => windows(&people).await,
    }
    ExitCode::SUCCESS
}

/// A host, and yesterday's conversation in it.
fn stage() -> Server {
    let mut server = Server::init();
    let log = server.folder.path().join("conversation.irc");
    std::fs::write(&log, CONVERSATION).unwrap();
    // Such a log names the time of each line, and the file's own time the day.
    let yesterday = SystemTime::now() - Duration::from_secs(24 * 60 * 60);
    std::fs::File::options().write(true).open(&log).unwrap().set_modified(yesterday).unwrap();
    let import = ["import", "--workspace", "acme", "--format", "irc", "--channel", CHANNEL, log.to_str().unwrap()];
    let imported = server::json(&server.run(&import));
    println!("imported {} messages of {} people", imported["messages"], imported["people"]);
    server.serve();
    println!("the server listens at {}", server.url());
    server
}

/// Each says something, the other has to see it; then a picture of each window is kept.
async fn talk(people: &[Cli; 2], out: &Path) {
    let display = Display::start();
    let mut windows = Vec::new();
    for (person, name) in people.iter().zip(NAMES) {
        let window = Window::open(&display, &person.window(), &[]).await;
        window.enter(CHANNEL).await;
        println!("{name}'s window is open");
        windows.push(window);
    }
    for (who, words) in WORDS {
        let begun = Instant::now();
        windows[who].say(words).await;
        for window in &windows {
            window.shows("[data-testid=timeline]", words).await;
        }
        println!("{}: {words}  (seen by both after {} ms)", NAMES[who], begun.elapsed().as_millis());
    }
    std::fs::create_dir_all(out).unwrap();
    for (window, file) in windows.into_iter().zip(FILES) {
        for (_, words) in WORDS {
            window.shows("[data-testid=timeline]", words).await;
        }
        let path = out.join(file);
        std::fs::write(&path, window.picture().await).unwrap();
        println!("{}", path.display());
        window.close().await;
    }
}

/// Two windows on the person's own screen, until both are closed or the demo is interrupted.
async fn windows(people: &[Cli; 2]) {
    let mut open: Vec<Child> = people
        .iter()
        .map(|person| Command::new(bin("thechatapp-desktop")).args(person.window()).spawn().expect("the window opens"))
        .collect();
    println!("\n{} are signed in. Close both windows to end the demo; its data is deleted then.", NAMES.join(" and "));
    let closed = async {
        while open.iter_mut().any(|window| matches!(window.try_wait(), Ok(None))) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        () = closed => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    for mut window in open {
        let _ = window.kill();
        let _ = window.wait();
    }
}

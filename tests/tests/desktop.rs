//! Two real windows: the main job, the full stop for a changed server, and a screen for each state of the key.

use std::path::PathBuf;
use thechatapp_protocol::identity::Pin;
use thechatapp_tests::desk::{Desk, first_run};
use thechatapp_tests::server::{free_port, signal};
use thechatapp_tests::window::{ENTER, ESCAPE, Window};
use thechatapp_tests::{Cli, Server, files_with};

const TIMELINE: &str = "[data-testid=timeline]";
const MARKER: &str = "marker-window-vexkuqolumi";

/// A pin as people compare it.
fn words(pin: &str) -> String {
    pin.parse::<Pin>().unwrap().words()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_windows_talk_and_find_everything_after_a_night() {
    let mut server = Server::start();
    let (alice, bob) = (Desk::set_up(), Desk::set_up());
    let (hers, his) = (alice.open().await, bob.open_dark().await);
    first_run(&hers, server.owner_invite(), "alice").await;
    first_run(&his, &server.invite(), "bob").await;

    hers.say(&format!("good morning, {MARKER}")).await;
    his.shows(TIMELINE, "good morning").await;
    his.say("good morrning, alice").await;
    hers.shows(TIMELINE, "good morrning").await;
    his.edit_last("good morning, alice").await;
    hers.shows(TIMELINE, "good morning, alice").await;
    hers.say("this one goes").await;
    his.shows(TIMELINE, "this one goes").await;
    hers.delete_last().await;
    his.hides(TIMELINE, "this one goes").await;
    hers.keep_picture("talk-light");
    his.keep_picture("talk-dark");

    assert_eq!(alice.plain(MARKER), Vec::<PathBuf>::new(), "while it runs");
    hers.close().await;
    assert_eq!(alice.plain(MARKER), Vec::<PathBuf>::new(), "after it was closed");
    his.say("alice, are you asleep?").await;
    his.shows(TIMELINE, "asleep").await;
    his.kill();
    assert_eq!(bob.plain(MARKER), Vec::<PathBuf>::new(), "after SIGKILL");

    let (hers, his) = (alice.open().await, bob.open().await);
    for window in [&hers, &his] {
        window.shows(TIMELINE, MARKER).await;
        window.shows(TIMELINE, "good morning, alice").await;
        window.shows(TIMELINE, "are you asleep?").await;
    }
    hers.click("[data-testid=search]").await;
    hers.fill("[data-testid=search-words]", "asleep").await;
    hers.shows("[data-testid=hit]", "asleep").await;
    hers.keep_picture("search");

    // The server goes away and comes back; what was written meanwhile arrives.
    server.stop();
    hers.shows("body", "Offline.").await;
    hers.say("written while nobody listened").await;
    hers.shows(TIMELINE, "written while nobody listened").await;
    hers.keep_picture("offline");
    server.serve();
    his.shows(TIMELINE, "written while nobody listened").await;
    hers.hides("body", "Offline.").await;
    assert_eq!(files_with(server.folder.path(), &[MARKER]), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_another_root_stops_the_window_until_the_true_one_is_back() {
    let mut server = Server::start();
    let alice = Desk::set_up();
    let window = alice.open().await;
    first_run(&window, server.owner_invite(), "alice").await;
    window.say("before").await;
    window.shows(TIMELINE, "before").await;

    server.stop();
    let mut other = Server::init();
    other.port = server.port;
    other.serve();
    window.element("[data-testid=identity-stop]").await;
    window.shows("[data-testid=identity-stop]", &words(server.pin())).await;
    window.shows("[data-testid=identity-stop]", &words(other.pin())).await;
    window.keep_picture("identity-stop");
    window.click("[data-testid=identity-stay]").await;
    window.say("for the true server only").await;
    window.shows(TIMELINE, "for the true server only").await;
    window.keep_picture("identity-bar");
    other.kill();

    server.serve();
    window.hides("body", "Disconnected").await;
    let bob = Cli::with_passphrase();
    bob.join(&server.invite(), "bob").ok();
    window.say("and here it is").await;
    window.shows(TIMELINE, "and here it is").await;
    window.until_sent().await;
    assert_eq!(bob.run(&["read", "general"]).ok().texts(), ["before", "for the true server only", "and here it is"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_state_of_the_key_has_its_screen_and_the_way_back() {
    const AGAIN: &str = "if (document.querySelector('[data-key-state=unreachable]'))
        document.querySelector('[data-testid=try-again]').click()";
    let server = Server::start();
    let mut alice = Desk::set_up();
    alice.cli.join(server.owner_invite(), "alice").ok();
    alice.cli.run(&["send", "general", "before the storm"]).ok();
    alice.cli.run(&["key", "recovery-code"]).ok();
    let files = alice.keyring.files();
    let aside = files.with_extension("aside");

    alice.keyring.stop_daemon();
    let window = alice.open().await;
    window.key_state("no_backend").await;
    window.offers_no("[data-testid=use-passphrase]").await;

    alice.keyring.start_daemon(false);
    window.try_again("locked").await;
    window.shows("[data-testid=key-reason]", "could not be shown").await;

    // Somebody is asked, and closes the question.
    alice.keyring.start_prompter(alice.display.name());
    window.click("[data-testid=try-again]").await;
    let begun = std::time::Instant::now();
    while window.text("[data-key-state=dismissed]").await.is_empty() {
        assert!(begun.elapsed().as_secs() < 60, "the window shows:\n{}", window.text("body").await);
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        alice.display.press_escape();
        // On a busy machine the question may come too late for one attempt.
        window.script(AGAIN, Vec::new()).await;
    }
    window.shows("[data-testid=key-reason]", "closed without an answer").await;
    window.keep_picture("key-dismissed");

    alice.keyring.stop_daemon();
    std::fs::rename(&files, &aside).unwrap();
    alice.keyring.start_daemon(true);
    window.try_again("missing").await;
    window.element("[data-testid=recovery-code]").await;
    window.element("[data-testid=set-aside]").await;

    alice.keyring.store(&alice.entry(), "another secret altogether");
    window.try_again("wrong").await;

    signal(alice.keyring.daemon_pid(), "STOP");
    window.try_again("unreachable").await;
    signal(alice.keyring.daemon_pid(), "CONT");

    alice.keyring.stop_daemon();
    std::fs::remove_dir_all(&files).unwrap();
    std::fs::rename(&aside, &files).unwrap();
    alice.keyring.start_daemon(true);
    let mut other = alice.cli.spawn(&["watch"]);
    alice.until_held(other.id()).await;
    window.try_again("busy").await;
    signal(other.id(), "TERM");
    other.wait().unwrap();

    window.click("[data-testid=try-again]").await;
    window.shows(TIMELINE, "before the storm").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_and_damaged_files_have_their_screens_and_a_damaged_cache_is_rebuilt() {
    let server = Server::start();
    let alice = Desk::set_up();
    alice.cli.join(server.owner_invite(), "alice").ok();
    alice.cli.run(&["send", "general", "before the storm"]).ok();

    let path = alice.cli.profile().join("profile.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut newer: serde_json::Value = serde_json::from_str(&text).unwrap();
    newer["version"] = 99.into();
    // The sum is no longer true. Without one it is a file that another release wrote its own way.
    newer.as_object_mut().unwrap().remove("sum").expect("the sum is where it was expected");
    let newer = newer.to_string();
    std::fs::write(&path, newer).unwrap();
    let window = alice.open().await;
    window.key_state("newer").await;
    window.close().await;
    std::fs::write(&path, text).unwrap();

    // A cache is rebuilt by itself, and the window is there as always.
    assert!(alice.damage("cache.db") > 0);
    let window = alice.open().await;
    window.shows(TIMELINE, "before the storm").await;
    window.close().await;

    assert!(alice.damage("local.db") > 0);
    let window = alice.open().await;
    window.key_state("corrupt").await;
    window.click("[data-testid=key-state] .primary").await;
    window.shows(TIMELINE, "before the storm").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_focus_and_the_window_stay_where_a_person_put_them() {
    let server = Server::start();
    let alice = Desk::set_up();
    let bob = Cli::with_passphrase();
    let window = alice.open().await;
    first_run(&window, server.owner_invite(), "alice").await;
    bob.join(&server.invite(), "bob").ok();

    window.click("[data-testid=search]").await;
    window.fill("[data-testid=search-words]", "nothing").await;
    bob.run(&["send", "general", "this takes the focus from nobody"]).ok();
    window.shows(TIMELINE, "this takes the focus from nobody").await;
    window.focused("search-words").await;

    // A dialog gives the focus back, and a channel that is opened takes it.
    window.click("[data-testid=new-channel]").await;
    window.focused("channel-name").await;
    window.keep_picture("dialog");
    window.press("[data-testid=channel-name]", ESCAPE).await;
    window.focused("new-channel").await;
    window.click("[data-testid=new-channel]").await;
    window.fill("[data-testid=channel-name]", &format!("plans{ENTER}")).await;
    window.shows("main h1", "plans").await;
    window.focused("composer").await;
    window.say("first of many").await;
    window.shows(TIMELINE, "first of many").await;
    window.click("[data-testid=leave-channel]").await;
    window.keep_picture("leave");
    window.click("[data-testid=leave-channel-yes]").await;
    window.element("[data-testid=join-channel]").await;

    // Whoever looks at the first run again can turn back.
    window.click("[data-testid=add-workspace]").await;
    window.element("[data-testid=turn-back]").await;
    window.keep_picture("turn-back");
    window.press("[data-testid=invite]", ESCAPE).await;
    window.element("[data-testid=join-channel]").await;

    // Nothing in the page leads the window away from it.
    for away in ["location.href = 'https://example.org/'", "window.open('https://example.org/')"] {
        window.script(away, Vec::new()).await;
    }
    window.click("[data-testid=join-channel]").await;
    window.element("[data-testid=composer]").await;

    window.click("[data-testid=identity]").await;
    window.click("[data-testid=sign-out]").await;
    window.keep_picture("sign-out");
    window.click("[data-testid=sign-out-yes]").await;
    window.element("[data-testid=invite]").await;
    window.offers_no("[data-testid=turn-back]").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_profile_behind_a_passphrase_is_repaired_by_typing_it() {
    let server = Server::start();
    let mut alice = Desk::set_up();
    alice.cli = Cli::with_passphrase();
    alice.cli.join(server.owner_invite(), "alice").ok();
    alice.cli.run(&["send", "general", "before the storm"]).ok();
    assert!(alice.damage("local.db") > 0);

    let profile = alice.cli.profile().display().to_string();
    let window = Window::open(&alice.display, &["--profile".to_owned(), profile], &alice.keyring.env()).await;
    window.key_state("passphrase").await;
    window.fill("[data-testid=passphrase]", &format!("profile passphrase{ENTER}")).await;
    window.key_state("corrupt").await;
    window.click("[data-testid=key-state] .primary").await;
    window.fill("[data-testid=passphrase]", &format!("profile passphrase{ENTER}")).await;
    window.shows(TIMELINE, "before the storm").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_shown_with_its_message_and_saved_among_the_downloads() {
    let server = Server::start();
    let (mut alice, bob) = (Desk::set_up(), Cli::with_passphrase());
    alice.cli.join(server.owner_invite(), "alice").ok();
    bob.join(&server.invite(), "bob").ok();
    let (config, downloads) = (alice.folder.path().join("config"), alice.folder.path().join("downloads"));
    std::fs::create_dir(&config).unwrap();
    std::fs::create_dir(&downloads).unwrap();
    std::fs::write(config.join("user-dirs.dirs"), format!("XDG_DOWNLOAD_DIR=\"{}\"\n", downloads.display())).unwrap();
    alice.cli.env.push(("XDG_CONFIG_HOME".into(), config.display().to_string()));
    let file = bob.folder.path().join("plan.txt");
    std::fs::write(&file, MARKER.repeat(100)).unwrap();
    bob.run(&["upload", "general", file.to_str().unwrap()]).ok();
    bob.run(&["upload", "general", file.to_str().unwrap(), "--text", "once more"]).ok();

    let window = alice.open().await;
    window.shows(TIMELINE, "plan.txt").await;
    window.shows(TIMELINE, "2.50 kB").await;
    for saved in ["plan.txt", "plan (1).txt"] {
        window.click("[data-testid=save-file]").await;
        window.shows(TIMELINE, &format!("downloads/{saved}")).await;
        assert_eq!(std::fs::read(downloads.join(saved)).unwrap(), MARKER.repeat(100).into_bytes());
    }
    window.keep_picture("files");
    std::fs::remove_dir_all(&downloads).unwrap();
    let found = alice.plain(MARKER);
    assert!(found.is_empty(), "{found:?}");
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_channel_stays_short_in_the_window_and_what_one_reads_stays_in_its_place() {
    const ROWS: &str = "return document.querySelectorAll('[data-testid=message]').length";
    const UP: &str = "const list = document.querySelector('[data-testid=timeline]'); list.scrollTop = 0;
        return list.innerText.includes('number 1\\n')";
    const TOP: &str = "const row = [...document.querySelectorAll('[data-testid=message]')]
        .find(one => one.innerText.includes('number 200')); return row ? row.getBoundingClientRect().top : -1";
    let server = Server::start();
    let (alice, bob) = (Desk::set_up(), Cli::with_passphrase());
    alice.cli.join(server.owner_invite(), "alice").ok();
    bob.join(&server.invite(), "bob").ok();
    bob.run(&["create", "plans"]).ok();
    alice.cli.run(&["join-channel", "plans"]).ok();
    let lines = bob.folder.path().join("lines");
    std::fs::write(&lines, (1..=500).map(|number| format!("number {number}\n")).collect::<String>()).unwrap();
    let mut sending = bob.command(&["send", "general", "-"]);
    assert!(sending.stdin(std::fs::File::open(&lines).unwrap()).output().unwrap().status.success());
    let window = alice.open().await;
    window.shows(TIMELINE, "number 500").await;
    assert!(window.number(ROWS).await <= 120.0, "it opens with a page or two");

    // Up into the past, and never more than some hundred rows.
    let begun = std::time::Instant::now();
    while window.number(TOP).await < 200.0 {
        assert!(begun.elapsed().as_secs() < 60, "number 200 comes into view");
        window.script("document.querySelector('[data-testid=timeline]').scrollTop -= 300", Vec::new()).await;
        assert!(window.number(ROWS).await <= 300.0);
    }
    let before = window.number(TOP).await;
    bob.run(&["send", "general", "and one more"]).ok();
    window.shows("[data-testid=channel-general] em", "1").await;
    assert!((window.number(TOP).await - before).abs() < 2.0, "what is read does not move");

    // Elsewhere, what is unread is counted as it comes.
    bob.run(&["send", "plans", "a word"]).ok();
    window.shows("[data-testid=channel-plans] em", "1").await;
    window.click("[data-testid=latest]").await;
    window.shows(TIMELINE, "and one more").await;
    window.until_true(UP).await;
    assert!(window.number(ROWS).await <= 300.0);

    // A search that stands tells of what comes.
    window.click("[data-testid=search]").await;
    window.fill("[data-testid=search-words]", "unheard").await;
    window.shows("aside", "Nothing found").await;
    bob.run(&["send", "general", "an unheard of message"]).ok();
    window.shows("[data-testid=hit]", "an unheard of message").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_into_the_network_is_chosen_and_looked_at_in_the_window() {
    let server = Server::start();
    let alice = Desk::set_up();
    let window = alice.open().await;
    first_run(&window, server.owner_invite(), "alice").await;
    window.click("[data-testid=device]").await;
    window.shows("[data-testid=way-now]", "straight").await;
    window.click("[data-testid=network-check]").await;
    window.element("[data-testid=hops][data-end=none]").await;
    const INTO_VIEW: &str = "document.querySelector('[data-testid=network]').scrollIntoView({ block: 'end' })";
    window.script(INTO_VIEW, Vec::new()).await;
    window.keep_picture("network-holds");

    let nobody = format!("http://127.0.0.1:{}", free_port());
    choose(&window, "proxy").await;
    window.fill("[data-testid=network-address]", &nobody).await;
    window.fill("[data-testid=proxy-user]", "ana").await;
    window.fill("[data-testid=proxy-password]", MARKER).await;
    window.click("[data-testid=network-choose]").await;
    window.shows("[data-testid=way-now]", &nobody).await;
    window.shows("body", "Offline.").await;
    window.click("[data-testid=network-check]").await;
    window.shows("[data-testid=hops][data-end=route]", "What to do").await;
    let kept = window.script("return document.querySelector('[data-testid=proxy-password]').value", Vec::new()).await;
    assert_eq!(kept, "");
    window.script(INTO_VIEW, Vec::new()).await;
    assert_eq!(
        window.number("return document.scrollingElement.scrollTop").await,
        0.0,
        "the panel scrolls, not the window"
    );
    window.keep_picture("network-fails");

    choose(&window, "script").await;
    choose(&window, "none").await;
    window.click("[data-testid=network-choose]").await;
    window.shows("[data-testid=way-now]", "straight").await;
    window.hides("body", "Offline.").await;
    window.close().await;
    assert_eq!(alice.cli.run(&["network", "show"]).ok().json()["proxy"], "none");
    assert_eq!(alice.plain(MARKER), Vec::<PathBuf>::new());
}

/// Chooses a way in the list of them.
async fn choose(window: &Window, mode: &str) {
    window.element("[data-testid=network-mode]").await.select_by_value(mode).await.unwrap();
}

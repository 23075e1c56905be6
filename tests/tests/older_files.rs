//! A profile that an early release left behind opens, is brought up to date, and lacks nothing. Its server is gone: all of this is from
//! the device. Of another one the server's files were kept, too: it goes online by the keys that it has.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use thechatapp_core::{Client, Unlock};
use thechatapp_tests::exit::{Exit, Speaks};
use thechatapp_tests::person::platform;
use thechatapp_tests::server::line_file;
use thechatapp_tests::{Cli, Server, files_below};

/// What hosts of before call themselves, for whoever looks that up at the network's proxy.
const HOST: &str = "chat.example.org";

/// Copies a folder.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_profile_of_an_early_release_opens_and_lacks_nothing() {
    let mut cli = Cli::with_passphrase();
    cli.passphrase = Some(line_file(cli.folder.path(), "first-passphrase", "the first passphrase"));
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/profile-1"), &cli.profile());

    let said = cli.run(&["read", "general", "-n", "100"]).ok();
    assert_eq!(said.texts(), ["one", "two, edited", "three with a marmalade", "", "waits for a server"]);
    let rows = said.rows();
    assert_eq!(rows[1]["edited"], true);
    assert_eq!(rows[3]["deleted"], true);
    assert_eq!(rows[2]["reactions"][0]["emoji"], "👍");
    assert_eq!((rows[4]["state"].as_str(), rows[4]["seq"].as_u64()), (Some("pending"), None));

    let hits = cli.run(&["search", "marmalade"]).ok().rows();
    assert_eq!(hits.len(), 1, "its old index was made anew: {hits:?}");
    let channels = cli.run(&["channels"]).ok().rows();
    assert!(channels.iter().any(|channel| channel["name"] == "design"), "{channels:?}");
    let general = channels.iter().find(|channel| channel["name"] == "general").unwrap();
    assert_eq!([&general["head"], &general["read"], &general["unread"]], [4, 4, 0], "what was read is read");
    // Its pin and the keys of its device are what they were: it asks for its server, which is gone.
    let pin = "LxGZ5CB4kUDtPAeYOONuhYlQ5bLuZOHfoSx2kC6zf2k";
    assert!(cli.run(&["doctor"]).ok().stdout.contains(pin));
    assert_eq!(cli.run(&["status"]).ok().json()["workspaces"][0]["connection"], "offline");
    let doctor = cli.run(&["doctor"]).ok().json();
    assert_eq!((&doctor["local"]["ok"], &doctor["workspaces"][0]["cache"]["ok"]), (&true.into(), &true.into()));
    assert_eq!(doctor["workspaces"][0]["waiting"], 1);

    cli.run(&["draft", "general", "typed with the new one"]).ok();
    cli.run(&["key", "renew"]).ok();
    assert_eq!(cli.run(&["draft", "general"]).ok().json()["text"], "typed with the new one");
    assert_eq!(cli.run(&["whoami"]).ok().json()["name"], "Ana Reis");
}

/// A host and the profile of one of its people, as programs of before left both.
struct Pair {
    folder: &'static str,
    pin: &'static str,
    /// By which she signs in.
    name: &'static str,
    /// The device that the profile is.
    device: &'static str,
    /// What general has, the last of it on the device alone.
    written: [&'static str; 4],
}

/// A device of before with its server, both opened by today's programs, and the way to it.
struct Online {
    _server: Server,
    exit: Exit,
    ana: Cli,
}

impl Pair {
    /// Opens both, and has the device say what waits, and one message more.
    async fn online(&self) -> Online {
        let pair = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(self.folder);
        let mut server = Server::init();
        std::fs::remove_dir_all(server.data()).unwrap();
        copy(&pair.join("host"), &server.data());
        let mut ana = Cli::with_passphrase();
        ana.passphrase = Some(line_file(ana.folder.path(), "first-passphrase", "the first passphrase"));
        copy(&pair.join("profile"), &ana.profile());

        // Before it can be reached, all is there, from the device.
        assert_eq!(ana.run(&["read", "general"]).ok().texts(), self.written);
        assert_eq!(ana.run(&["status"]).ok().json()["workspaces"][0]["waiting"], 1);

        server.serve();
        let exit = Exit::start(Speaks::Connect, None, HOST, server.port).await;
        ana.run(&["network", "set", "--proxy", &exit.url()]).ok();
        let sent = ana.run(&["send", "general", "sent by this release"]).ok().json();
        assert_eq!(
            (sent["seq"].as_u64(), sent["state"].as_str()),
            (Some(5), Some("sent")),
            "after what waited: {sent}"
        );
        let status = ana.run(&["status"]).ok().json();
        let workspace = &status["workspaces"][0];
        assert_eq!(
            (workspace["connection"].as_str(), workspace["waiting"].as_u64()),
            (Some("online"), Some(0)),
            "{status}"
        );
        assert!(ana.run(&["doctor"]).ok().stdout.contains(self.pin), "the server is the one that it knew");
        let devices = ana.run(&["devices"]).ok().rows();
        let mine: Vec<_> = devices.iter().map(|device| device["id"].as_str().unwrap()).collect();
        assert_eq!(mine, [self.device], "no other device was made: {devices:?}");
        Online { _server: server, exit, ana }
    }

    /// Another device of hers has all that was said; what it says comes to the first one.
    fn another(&self, Online { exit, ana, .. }: &Online) -> Cli {
        let other = Cli::with_passphrase();
        other.run(&["network", "set", "--proxy", &exit.url()]).ok();
        other.login(&format!("https://{HOST}/w/acme"), self.pin, self.name).ok();
        let all = [&self.written[..], &["sent by this release"]].concat();
        assert_eq!(other.run(&["read", "general"]).ok().texts(), all);
        other.run(&["send", "design", "from the other one"]).ok();
        assert_eq!(ana.run(&["read", "design"]).ok().texts(), ["another channel", "from the other one"]);
        other
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_of_an_earlier_release_goes_online_by_its_own_keys_and_sends_what_waited() {
    let pair = Pair {
        folder: "pair-1",
        pin: "GfQ-MuszIlEb58EAy3BK3OIk8sDVnm8EJjtk3zQ0tzc",
        name: "ana",
        device: "01a22a19-2353-7758-b37d-94ec3ff0abce",
        written: ["one", "two, edited", "three, with a file", "waits for a server"],
    };
    let online = pair.online().await;
    let (other, ana) = (pair.another(&online), &online.ana);
    assert_eq!(other.run(&["draft", "general"]).ok().json()["text"], "half a thought");
    other.run(&["draft", "general", "a whole thought"]).ok();
    assert_eq!(ana.run(&["draft", "general"]).ok().json()["text"], "a whole thought");
    let file = ana.run(&["read", "general"]).ok().rows()[2]["files"][0]["id"].as_str().unwrap().to_owned();
    let to = ana.folder.path().join("letters.txt");
    ana.run(&["download", &file, "-o", to.to_str().unwrap()]).ok();
    assert_eq!(std::fs::read(to).unwrap(), [b'x'; 3000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_and_a_host_of_the_first_days_go_on_with_each_other_and_have_what_came_since() {
    let pair = Pair {
        folder: "pair-0",
        pin: "STj4yGbP1S_zcWoLz8hhSlNd10on0iguvaSPndcTKaM",
        name: "Ana Reis",
        device: "01a22bfc-441c-7da6-8f5b-b78a846fcfdb",
        written: ["one", "two, edited", "three, with a heart", "waits for a server"],
    };
    let online = pair.online().await;
    let (other, ana) = (pair.another(&online), &online.ana);
    let heart = &ana.run(&["read", "general"]).ok().rows()[2]["reactions"][0];
    assert_eq!((&heart["emoji"], &heart["mine"]), (&"❤️".into(), &true.into()));
    let found = other.run(&["search", "heart", "--remote"]).ok().texts();
    assert_eq!(found, ["three, with a heart"], "the host's index was made anew");

    // What programs of that time did not have.
    other.run(&["draft", "general", "half a thought"]).ok();
    assert_eq!(ana.run(&["draft", "general"]).ok().json()["text"], "half a thought");
    let letters = line_file(ana.folder.path(), "letters.txt", "a b c");
    ana.run(&["upload", "general", letters.to_str().unwrap()]).ok();
    let audited = ana.run(&["audit", "list"]).ok().rows();
    assert!(!audited.is_empty(), "its first person owns it, and sees what is done from now on");
}

/// Changes the version that `profile.json` says it has.
fn newer_profile(profile: &Path) {
    let path = profile.join("profile.json");
    let mut file: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    file["version"] = 99.into();
    // The sum is no longer true. Without one it is a file that another release wrote its own way.
    file.as_object_mut().unwrap().remove("sum");
    std::fs::write(path, serde_json::to_vec_pretty(&file).unwrap()).unwrap();
}

/// Every file of a profile with what is in it, but for the empty lock.
fn bytes(profile: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = files_below(profile)
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name != "profile.lock"))
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_newer_release_are_refused_politely_and_stay_as_they_are() {
    for file in ["profile.json", "local.db", "cache.db"] {
        let mut cli = Cli::with_passphrase();
        cli.passphrase = Some(line_file(cli.folder.path(), "first-passphrase", "the first passphrase"));
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/profile-1"), &cli.profile());
        // As this release leaves them.
        cli.run(&["draft", "general", "typed here"]).ok();
        match file {
            "profile.json" => newer_profile(&cli.profile()),
            _ => {
                let unlock = Unlock::Passphrase("the first passphrase".to_owned().into());
                let client = Client::open(&cli.profile(), unlock, platform(Arc::default())).await.unwrap();
                client.make_newer(file).await.unwrap();
                client.close().await.unwrap();
            }
        }
        let before = bytes(&cli.profile());
        for command in [&["read", "general"][..], &["doctor", "--repair"], &["key", "renew"]] {
            let refused = cli.run(command);
            assert_eq!(refused.code, 27, "{file}, {command:?}: {refused:?}");
            let said = refused.error();
            assert_eq!(said["error"], "newer", "{file}: {said}");
            assert!(said["what"].as_str().unwrap().contains("newer release"), "{said}");
            assert!(said["do"].as_str().unwrap().contains("update"), "{said}");
            assert!(bytes(&cli.profile()) == before, "{file}: {command:?} changed something");
        }
    }
}

use super::*;

struct Data(tempfile::TempDir, Arc<Upgrades>);

impl Data {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let upgrades = Upgrades::of(folder.path());
        let data = Self(folder, upgrades);
        for (path, text) in [
            ("host.db", "the list"),
            ("keys/host.json", "a wrapped key"),
            ("keys/tls.key", "an open key"),
            ("acme/workspace.db", "acme's"),
            ("acme/workspace.db-wal", "acme's last words"),
            ("acme/files/one", "sealed"),
            ("acme/files/two.part", "half of"),
            ("lab/workspace.db", "lab's"),
            ("lab/workspace.db-wal", ""),
        ] {
            data.write(path, text);
        }
        data
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn copies(&self) -> Vec<PathBuf> {
        copies(&self.path("upgrade")).unwrap().0.into_iter().map(|name| self.path("upgrade").join(name)).collect()
    }

    fn changed(&self, number: usize) {
        self.write("acme/workspace.db", &format!("acme's {number}"));
        self.1.before_workspace("acme").unwrap();
    }
}

fn paths(copy: &Path) -> Vec<String> {
    read(copy).unwrap().files.into_keys().collect()
}

#[test]
fn a_copy_has_all_that_is_sealed_and_not_in_use_and_is_made_once_for_the_same_state() {
    let data = Data::new();
    data.1.before_host().unwrap();
    let all = ["acme/workspace.db", "acme/workspace.db-wal", "host.db", "keys/host.json", "lab/workspace.db"]
        .map(str::to_owned);
    let copy = &data.copies()[0];
    assert_eq!(paths(copy), all);
    assert_eq!(std::fs::read(copy.join("acme/workspace.db-wal")).unwrap(), b"acme's last words");
    // The same start, or one after a failure: it is there already.
    data.1.before_workspace("acme").unwrap();
    data.1.before_workspace("lab").unwrap();
    Upgrades::of(data.0.path()).before_host().unwrap();
    assert_eq!(data.copies().len(), 1);
    // A WAL that changed is another state, too.
    data.write("acme/workspace.db-wal", "something more");
    data.1.workspace_is_open("lab", true);
    data.1.before_workspace("acme").unwrap();
    assert_eq!(data.copies().len(), 2);
    assert!(!paths(&data.copies()[1]).contains(&"lab/workspace.db".to_owned()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&copy.join("host.db")), mode(&copy.join("acme")), mode(copy)), (0o600, 0o700, 0o700));
    }
}

#[test]
fn three_copies_stay_and_nothing_of_one_that_was_broken_off() {
    let data = Data::new();
    for number in 0..5 {
        data.changed(number);
    }
    let copies = data.copies();
    assert_eq!(copies.len(), 3);
    let texts: Vec<_> =
        copies.iter().map(|copy| std::fs::read_to_string(copy.join("acme/workspace.db")).unwrap()).collect();
    assert_eq!(texts, ["acme's 2", "acme's 3", "acme's 4"]);
    std::fs::remove_file(copies[1].join(MANIFEST)).unwrap();
    data.write("upgrade/somebody's/workspace.db", "not ours");
    data.changed(9);
    assert!(!copies[1].exists() && data.copies().len() == 3);
    assert_eq!(data.1.remove().unwrap(), 3);
    let left: Vec<_> = std::fs::read_dir(data.path("upgrade")).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert_eq!(left, ["somebody's"]);
}

#[test]
fn where_no_copy_can_be_made_nothing_may_change_and_nothing_is_left() {
    let data = Data::new();
    data.write("upgrade", "a file in its place");
    let why = data.1.before_host().unwrap_err();
    assert!(why.what.contains("no copy of it could be kept"), "{why}");
    std::fs::remove_file(data.path("upgrade")).unwrap();
    // A folder that cannot be copied as a file ends it half way.
    std::fs::remove_file(data.path("keys/host.json")).unwrap();
    std::fs::remove_dir_all(data.path("keys")).unwrap();
    assert!(data.1.before_host().is_err());
    assert_eq!(copies(&data.path("upgrade")).unwrap(), (Vec::new(), Vec::new()));
}

#[test]
fn what_is_put_back_is_what_was_copied_with_the_files_beside_it() {
    let data = Data::new();
    data.1.before_host().unwrap();
    let copy = data.copies().remove(0);
    data.write("acme/workspace.db", "changed by the upgrade");
    let proved = verify(&copy).unwrap();
    assert_eq!((proved.workspaces, proved.files, proved.ok), (2, 0, true));
    assert_eq!(find(&data.path("upgrade"), None).unwrap(), Some(copy.clone()));
    assert_eq!(find(&data.path("upgrade"), Some(&proved.backup)).unwrap(), Some(copy.clone()));
    assert!(find(&data.path("upgrade"), Some("20200101T000000000Z")).is_err());
    assert_eq!(find(&data.path("acme"), None).unwrap(), None);
    assert_eq!(restore(&copy, data.0.path()).unwrap_err().kind, Kind::BadInput, "there is a host");

    let back = data.path("back");
    let restored = restore(&copy, &back).unwrap();
    assert_eq!((restored.files, restored.bytes), (1, proved.bytes));
    let text = |path: &str| std::fs::read_to_string(back.join(path)).unwrap();
    assert_eq!(
        (text("acme/workspace.db"), text("acme/workspace.db-wal")),
        ("acme's".into(), "acme's last words".into())
    );
    assert_eq!((text("acme/files/one"), text("keys/host.json")), ("sealed".into(), "a wrapped key".into()));
    assert!(!back.join("acme/files/two.part").exists());
    assert!(was_put_back(&back.join("acme/workspace.db")));
    goes_on(&back.join("acme/workspace.db")).unwrap();
    assert!(!was_put_back(&back.join("acme/workspace.db")) && was_put_back(&back.join("lab/workspace.db")));

    // Damaged, it is not put back, and nothing stays of the attempt.
    std::fs::write(copy.join("lab/workspace.db"), "lab'S").unwrap();
    let again = data.path("again");
    assert_eq!(restore(&copy, &again).unwrap_err().kind, Kind::Corrupt);
    assert!(!again.exists());
    // Nor is anything written outside.
    let text = std::fs::read_to_string(copy.join(MANIFEST)).unwrap().replace("lab/", "../lab/");
    std::fs::write(copy.join(MANIFEST), text).unwrap();
    assert_eq!(verify(&copy).unwrap_err().kind, Kind::Corrupt);
}

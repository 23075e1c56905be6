use super::*;

fn passwords() -> Arc<Passwords> {
    Arc::new(Passwords::new(Cost::TESTS).unwrap())
}

fn turn(passwords: &Passwords) -> Turn {
    passwords.place(Of::Invite([1; 32])).unwrap()
}

async fn refused(passwords: &Arc<Passwords>, password: &str) -> Option<String> {
    let fits = passwords.fits(&turn(passwords), password, 10, vec!["Inês Duarte".into(), "acme".into()]).await;
    fits.err().map(|why| why.into_body().what)
}

#[tokio::test]
async fn a_password_has_to_be_long_enough_and_hard_to_guess() {
    let passwords = passwords();
    for (password, what) in [
        ("k9#Lw2$xq", "This password is too short"),
        ("password123", "This password is easy to guess"),
        ("aaaaaaaaaaaaaa", "This password is easy to guess"),
        ("qwertyuiop", "This password is easy to guess"),
        ("Inês Duarte", "This password is easy to guess"),
    ] {
        assert_eq!(refused(&passwords, password).await.as_deref(), Some(what), "{password}");
    }
    assert_eq!(refused(&passwords, &"ö".repeat(513)).await.as_deref(), Some("This password is too long"));
    for password in ["correct horse battery", "k9#Lw2$xqT", "плотник сушит лодку"] {
        assert_eq!(refused(&passwords, password).await, None, "{password}");
    }
}

#[tokio::test]
async fn a_password_that_was_stolen_elsewhere_is_refused() {
    let passwords = passwords();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list");
    // SHA-1 of "correct horse battery".
    let hash = data_encoding::HEXUPPER.encode(&<sha1::Sha1 as sha1::Digest>::digest(b"correct horse battery"));
    std::fs::write(&path, format!("{hash}:3\n")).unwrap();
    passwords.set_breached(Breached::open(&path).unwrap());
    assert_eq!(refused(&passwords, "correct horse battery").await.as_deref(), Some("This password is known"));
    assert_eq!(refused(&passwords, "correct horse stapler").await, None);
}

#[tokio::test]
async fn a_thread_outlives_work_that_fails_and_never_takes_all_cores() {
    let passwords = passwords();
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!(threads() >= 1 && (cores == 1 || threads() < cores));
    for _ in 0..MOST_THREADS + 1 {
        let failed = passwords.in_turn::<()>(&turn(&passwords), || panic!("on purpose")).await;
        assert!(matches!(failed, Err(Fail::Broken(_))));
    }
    let hash = passwords.hash(&turn(&passwords), "correct horse battery".into()).await.unwrap();
    assert!(passwords.verify(&turn(&passwords), "correct horse battery".into(), Some(hash.clone())).await.unwrap());
    assert!(!passwords.verify(&turn(&passwords), "another".into(), Some(hash)).await.unwrap());
    assert!(!passwords.verify(&turn(&passwords), "nobody's password".into(), None).await.unwrap(), "nobody has it");
}

use super::*;
use crate::platform::SystemClock;
use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A router of which nothing was asked, on a system that says nothing.
fn router() -> Router {
    on(Desktop::default())
}

fn on(system: Desktop) -> Router {
    Router::new(Arc::new(system), Arc::new(SystemClock), Vec::new())
}

#[derive(Default)]
struct Desktop {
    /// `NAME=what`.
    environment: Vec<String>,
    /// What the desktop says; nothing is an error.
    says: Mutex<Vec<Vec<&'static str>>>,
    /// The script that it has, or why it does not say.
    script: Option<Result<String, &'static str>>,
}

impl Desktop {
    fn says(proxies: &[&'static str]) -> Self {
        Self { says: Mutex::new(vec![proxies.to_vec()]), ..Self::default() }
    }
}

impl SystemNetwork for Desktop {
    fn variable(&self, name: &str) -> Option<String> {
        self.environment.iter().find_map(|both| Some(both.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
    }

    fn script(&self) -> Result<Option<String>, String> {
        self.script.clone().transpose().map_err(str::to_owned)
    }

    fn proxies(&self, _: &str) -> Result<Vec<String>, String> {
        let mut says = self.says.lock().unwrap();
        if says.len() > 1 {
            says.remove(0);
        }
        match says.first() {
            Some(said) if *said == ["broken"] => Err("its script cannot be had".into()),
            Some(said) => Ok(said.iter().map(|&said| said.to_owned()).collect()),
            None => Ok(Vec::new()),
        }
    }
}

/// The ways to a server, as they are shown.
async fn ways(router: &Router) -> Result<Vec<String>, DialError> {
    let ways = router.ways("chat.example.org", 443).await?;
    Ok(ways.iter().map(ToString::to_string).collect())
}

fn login() -> Option<Login> {
    Some(Login { user: "ana".into(), password: "secret".to_owned().into() })
}

/// A proxy that answers whoever comes in this way, once.
async fn proxy(answer: &'static [u8]) -> (u16, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (mut socket, _): (TcpStream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 4096];
        let length = socket.read(&mut asked).await.unwrap();
        asked.truncate(length);
        socket.write_all(answer).await.unwrap();
        let _ = socket.shutdown().await;
        asked
    });
    (port, heard)
}

async fn by_manual(port: u16, login: Option<Login>) -> DialError {
    let router = router();
    router.choose(Setting::parse(&format!("http://127.0.0.1:{port}"), false, login).unwrap());
    match router.dial("server.invalid", 443).await {
        Ok(_) => panic!("it is connected"),
        Err(why) => why,
    }
}

#[test]
fn a_choice_is_read_and_kept_as_it_was_typed() {
    for text in ["system", "none", "http://proxy.example.org:3128", "socks5://[::1]:1080", "pac:https://h/proxy.pac"] {
        let setting = Setting::parse(text, false, None).unwrap();
        assert_eq!(setting.text(), text);
        assert_eq!(Setting::decode(&setting.encode().unwrap()).unwrap(), setting);
    }
    let setting = Setting::parse("http://proxy.example.org", false, login()).unwrap();
    assert_eq!(setting.text(), "http://proxy.example.org:80");
    assert_eq!(Setting::decode(&setting.encode().unwrap()).unwrap().login, login());
    let pac = Setting::parse("pac:https://h/proxy.pac", true, None).unwrap();
    assert_eq!(Setting::decode(&pac.encode().unwrap()).unwrap(), pac);
    for wrong in ["", "ftp://a:1", "http://", "pac:gopher://a/", "http://ana:secret@proxy:3128", "socks4://a:1"] {
        Setting::parse(wrong, false, None).unwrap_err();
    }
    Setting::parse("none", false, login()).unwrap_err();
    Setting::parse("none", true, None).unwrap_err();
    assert!(!format!("{setting:?}").contains("secret"));
}

#[tokio::test]
async fn loopback_goes_by_no_proxy_but_by_one_that_was_named() {
    let router = on(Desktop::says(&["http://proxy:3128"]));
    for host in ["127.0.0.1", "127.9.9.9", "::1", "localhost", "a.localhost", "LOCALHOST.", "::ffff:127.0.0.1"] {
        assert_eq!(router.ways(host, 443).await.unwrap(), [Way::Direct], "{host}");
    }
    router.choose(Setting::parse("http://proxy:3128", false, None).unwrap());
    assert_eq!(router.ways("127.0.0.1", 443).await.unwrap()[0].to_string(), "http://proxy:3128");
}

#[tokio::test]
async fn the_desktop_is_asked_where_the_environment_says_nothing() {
    let router = on(Desktop::says(&["socks5://proxy:1080", "nonsense://x", "direct://"]));
    assert_eq!(ways(&router).await.unwrap(), ["socks5://proxy:1080", "direct"]);
    assert_eq!(ways(&self::router()).await.unwrap(), ["direct"]);
}

#[tokio::test]
async fn a_desktop_that_does_not_say_lets_nothing_out_and_is_asked_again() {
    let says = Mutex::new(vec![vec![], vec!["broken"], vec!["nonsense://x"], vec!["http://proxy:3128"]]);
    let router = on(Desktop { says, ..Desktop::default() });
    for _ in 0..2 {
        let why = ways(&router).await.unwrap_err();
        assert!(matches!(why, DialError::System { .. }), "{why}");
        // What one cannot do with an answer is no reason to forget it.
        router.state().system = None;
    }
    assert_eq!(ways(&router).await.unwrap(), ["http://proxy:3128"]);
}

#[tokio::test]
async fn the_environment_goes_before_the_desktop_and_is_not_passed_by() {
    for (environment, expected) in [
        (vec!["HTTPS_PROXY=http://one:1"], Some("http://one:1")),
        (vec!["https_proxy=one:1"], Some("http://one:1")),
        (vec!["ALL_PROXY=socks5h://one:1"], Some("socks5://one:1")),
        (vec!["ALL_PROXY=socks://one:1"], Some("socks5://one:1")),
        (vec!["HTTPS_PROXY=", "ALL_PROXY=http://one:1"], Some("http://one:1")),
        (vec!["HTTPS_PROXY=", "https_proxy=http://one:1"], Some("http://one:1")),
        (vec!["HTTPS_PROXY=http://two:1", "https_proxy=http://one:1"], Some("http://one:1")),
        (vec!["HTTPS_PROXY=http://one:1", "NO_PROXY=example.org"], Some("direct")),
        (vec!["HTTPS_PROXY=http://one:1", "no_proxy=other.org"], Some("http://one:1")),
        (vec!["HTTPS_PROXY=", "NO_PROXY=example.org"], Some("http://desktop:1")),
        (vec!["HTTPS_PROXY=http//ana:secret@one:1"], None),
        (vec!["HTTPS_PROXY=socks4://ana:secret@one:1"], None),
    ] {
        let shown = format!("{environment:?}");
        let environment = environment.into_iter().map(str::to_owned).collect();
        let router = on(Desktop { environment, ..Desktop::says(&["http://desktop:1"]) });
        match (ways(&router).await, expected) {
            (Ok(ways), Some(expected)) => assert_eq!(ways, [expected], "{shown}"),
            (Err(why), None) => {
                assert!(matches!(why, DialError::System { .. }) && !why.to_string().contains("secret"), "{why}");
            }
            (other, _) => panic!("{shown}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_password_goes_to_whom_a_person_named_and_not_to_whom_the_desktop_does() {
    let given = async |router: Router, text: &str| {
        router.choose(Setting::parse(text, false, login()).unwrap());
        match router.ways("chat.example.org", 443).await.unwrap().remove(0) {
            Way::By(proxy) => proxy.login,
            Way::Direct => panic!("no proxy"),
        }
    };
    let environment = vec!["HTTPS_PROXY=http://one:1".to_owned()];
    assert_eq!(given(on(Desktop { environment, ..Desktop::default() }), "system").await, login());
    assert_eq!(given(on(Desktop::says(&["http://one:1"])), "system").await, None);
    assert_eq!(given(router(), "http://one:1").await, login());
    let environment = vec!["HTTPS_PROXY=http://bob:b%40b@one:1".to_owned()];
    let own = given(on(Desktop { environment, ..Desktop::default() }), "system").await.unwrap();
    assert_eq!((own.user.as_str(), own.password.as_str()), ("bob", "b@b"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_goes_past_a_proxy_that_says_no() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("proxy.pac");
    let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = open.local_addr().unwrap().port();
    for answer in ["403 Forbidden", "407 Proxy Authentication Required", "502 Bad Gateway"] {
        let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").leak();
        let (no, _heard) = proxy(answer.as_bytes()).await;
        std::fs::write(&path, format!("function FindProxyForURL() {{ return 'PROXY 127.0.0.1:{no}; DIRECT'; }}"))
            .unwrap();
        let router = router();
        let url = Url::from_file_path(&path).unwrap();
        router.choose(Setting::parse(&format!("pac:{url}"), false, None).unwrap());
        // The router never asks a script about this machine; what it does with several ways is the same for every host.
        let ways = router.ways("chat.example.org", server).await.unwrap();
        assert_eq!(ways.len(), 2);
        let why = router.by_one_of(&ways, "127.0.0.1", server).await.err().unwrap();
        assert!(why.is_refusal(), "{why}");
        assert!(open.accept().now_or_never().is_none(), "nobody went past it");
        assert!(router.state().failed.is_empty(), "it is there, and comes first the next time, too");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_was_mended_is_fetched_again_soon_and_at_once_when_it_is_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("proxy.pac");
    let choose = |router: &Router| {
        let url = Url::from_file_path(&path).unwrap();
        router.choose(Setting::parse(&format!("pac:{url}"), false, None).unwrap());
    };
    let router = router();
    choose(&router);
    std::fs::write(&path, "function FindProxyForURL() { return 'nothing'; }").unwrap();
    ways(&router).await.unwrap_err();
    std::fs::write(&path, "function FindProxyForURL() { return 'DIRECT'; }").unwrap();
    // Not at every connection, which may be many a second.
    ways(&router).await.unwrap_err();
    choose(&router);
    assert_eq!(ways(&router).await.unwrap(), ["direct"]);
}

#[tokio::test]
async fn a_proxy_that_wants_credentials_is_told_apart_from_one_that_does_not_take_them() {
    const WANTS: &[u8] = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n";
    let (port, heard) = proxy(WANTS).await;
    let why = by_manual(port, None).await;
    assert!(matches!(why, DialError::WantsLogin { .. }), "{why}");
    assert!(why.to_string().contains("wants credentials") && why.to_string().contains("--proxy-user"));
    let asked = String::from_utf8(heard.await.unwrap()).unwrap();
    assert!(asked.starts_with("CONNECT server.invalid:443 HTTP/1.1\r\n"), "{asked}");
    let (port, heard) = proxy(WANTS).await;
    let why = by_manual(port, login()).await;
    assert!(matches!(why, DialError::WrongLogin { .. }), "{why}");
    let asked = String::from_utf8(heard.await.unwrap()).unwrap();
    assert!(asked.to_lowercase().contains("proxy-authorization: basic yw5honnly3jlda=="), "{asked}");
    let (port, _) = proxy(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n").await;
    let why = by_manual(port, login()).await;
    assert!(matches!(&why, DialError::OtherLogin { schemes, .. } if schemes == "Negotiate"), "{why}");
}

#[tokio::test]
async fn a_proxy_that_refuses_or_breaks_off_says_which_and_why() {
    let (port, _) = proxy(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await;
    let why = by_manual(port, None).await;
    assert!(matches!(&why, DialError::Refused { why, .. } if why.contains("502")), "{why}");
    for broken in [&b""[..], b"HTTP/1.1 2", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\n\r\ntalks first"] {
        let (port, _) = proxy(broken).await;
        let why = by_manual(port, None).await;
        assert!(!matches!(why, DialError::Unreachable(_)) && why.to_string().contains(&port.to_string()), "{why}");
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert!(matches!(by_manual(free, None).await, DialError::NoProxy { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_ways_the_first_that_works_is_taken_and_one_that_did_not_comes_last() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("proxy.pac");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (good, _heard) = proxy(b"HTTP/1.1 200 OK\r\n\r\n").await;
    let script =
        format!("function FindProxyForURL() {{ return 'PROXY 127.0.0.1:{free}; PROXY 127.0.0.1:{good}; DIRECT'; }}");
    std::fs::write(&path, script).unwrap();
    let router = router();
    let url = Url::from_file_path(&path).unwrap();
    router.choose(Setting::parse(&format!("pac:{url}"), false, None).unwrap());
    assert!(router.dial("server.invalid", 443).await.is_ok());
    let ways: Vec<String> = router.ways("server.invalid", 443).await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(ways, [format!("http://127.0.0.1:{good}"), "direct".into(), format!("http://127.0.0.1:{free}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_does_not_work_lets_nobody_out_unless_that_was_chosen() {
    let router = router();
    router.choose(Setting::parse("pac:file:///no/such/proxy.pac", false, None).unwrap());
    let why = router.ways("chat.example.org", 443).await.unwrap_err();
    assert!(matches!(why, DialError::Script { .. }), "{why}");
    router.choose(Setting::parse("pac:file:///no/such/proxy.pac", true, None).unwrap());
    assert_eq!(ways(&router).await.unwrap(), ["direct"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_system_s_own_script_goes_before_its_proxies_and_lets_nobody_out_where_it_does_not_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("proxy.pac");
    std::fs::write(&path, "function FindProxyForURL() { return 'PROXY of-the-script:1; DIRECT'; }").unwrap();
    let by = |script: Result<String, &'static str>| {
        on(Desktop { script: Some(script), ..Desktop::says(&["http://of-the-system:1"]) })
    };
    let works = by(Ok(Url::from_file_path(&path).unwrap().into()));
    works.choose(Setting::parse("system", false, login()).unwrap());
    assert_eq!(ways(&works).await.unwrap(), ["http://of-the-script:1", "direct"]);
    let ways_with_login = works.ways("chat.example.org", 443).await.unwrap();
    assert!(matches!(&ways_with_login[0], Way::By(proxy) if proxy.login == login()), "a file is nobody else's");
    let missing = by(Ok("file:///no/such/proxy.pac".into()));
    assert!(matches!(ways(&missing).await.unwrap_err(), DialError::Script { .. }));
    for wrong in [Ok("gopher://a/".into()), Ok("nonsense".into()), Err("the registry does not open")] {
        assert!(matches!(ways(&by(wrong)).await.unwrap_err(), DialError::System { .. }));
    }
    let environment = vec!["HTTPS_PROXY=http://one:1".into()];
    let script = Some(Err("the registry does not open"));
    let typed = on(Desktop { environment, script, ..Desktop::default() });
    assert_eq!(ways(&typed).await.unwrap(), ["http://one:1"], "the environment comes first");
}

#[tokio::test]
async fn an_address_of_the_sixth_version_is_dialled_without_brackets() {
    let Ok(listener) = TcpListener::bind("[::1]:0").await else { return };
    let port = listener.local_addr().unwrap().port();
    assert!(router().dial("::1", port).await.is_ok());
}

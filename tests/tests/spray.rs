//! Passwords sprayed at everybody from many addresses. Real people get in from their devices and browsers all the while, what is tried
//! is soon refused without being computed, and none of it is kept for long.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::people::{ClosedFor, OwnAccount};
use thechatapp_protocol::methods::proof::{Confirm, ConfirmParams};
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::{Server, rounds, wire};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::client::TlsStream;

const PASSWORD: &str = "correct horse battery";

/// How many answers of each kind came.
#[derive(Default)]
struct Answers {
    /// 403: a hash was computed for it.
    denied: AtomicU64,
    /// 429 or 503: none was.
    refused: AtomicU64,
    other: AtomicU64,
}

async fn connect(port: u16, from: Ipv4Addr) -> BufReader<TlsStream<TcpStream>> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    let tcp = socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).await.unwrap();
    BufReader::new(wire::tls_over(tcp).await)
}

/// A sign-in over a connection that stays open: its status, and the cookies that came.
async fn sign_in(
    stream: &mut BufReader<TlsStream<TcpStream>>,
    origin: &str,
    name: &str,
    password: &str,
    cookie: &str,
) -> std::io::Result<(u16, Vec<String>)> {
    let body = serde_json::json!({ "name": name, "password": password }).to_string();
    let head = format!(
        "POST /w/acme/api/v1/account.sign_in HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {origin}\r\nCookie: {cookie}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.get_mut().write_all(head.as_bytes()).await?;
    stream.get_mut().flush().await?;
    let (mut status, mut length, mut cookies) = (0, 0, Vec::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest[..3].parse().unwrap();
        } else if let Some(text) = line.strip_prefix("content-length: ") {
            length = text.parse().unwrap();
        } else if let Some(text) = line.strip_prefix("set-cookie: ") {
            cookies.push(text.split(';').next().unwrap().to_owned());
        } else if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok((status, cookies))
}

async fn spray(server: Arc<Server>, from: Ipv4Addr, names: Arc<Vec<String>>, first: usize, many: usize) -> Answers {
    let answers = Answers::default();
    let origin = server.url();
    let mut stream = None;
    for number in first..first + many {
        // Not all of them exist.
        let name = names.get(number % (names.len() + 1)).map_or("nobody at all", String::as_str);
        let open = match stream.as_mut() {
            Some(open) => open,
            None => stream.insert(connect(server.port, from).await),
        };
        let count = match sign_in(open, &origin, name, &format!("guess {number}"), "").await {
            Ok((403, _)) => &answers.denied,
            Ok((429 | 503, _)) => &answers.refused,
            Ok(_) => &answers.other,
            Err(_) => {
                stream = None;
                &answers.other
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
    answers
}

/// Kilobytes of memory that a process has.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn real_people_get_in_from_their_devices_while_everybody_is_sprayed() {
    let (attempts, addresses, accounts) = (rounds(2_000, 100_000), rounds(50, 1_000), rounds(20, 100));
    let mut server = Server::init_with(Vec::new());
    let config = server.folder.path().join("server.toml");
    std::fs::write(&config, "[web]\nchat = true\n").unwrap();
    server.config = Some(config);
    server.serve();
    let server = Arc::new(server);
    let invite = server.invite_for(accounts);
    let (mut names, mut people) = (Vec::new(), Vec::new());
    for number in 0..accounts {
        let name = format!("person {number}");
        people.push(RawClient::join(&server, &invite, &name).await);
        names.push(name);
    }
    // The first of them has a browser that her account knows.
    let origin = server.url();
    let mut hers = connect(server.port, Ipv4Addr::LOCALHOST).await;
    let (status, cookies) = sign_in(&mut hers, &origin, &names[0], PASSWORD, "").await.unwrap();
    assert_eq!(status, 200);
    let mut known = cookies.into_iter().find(|cookie| cookie.contains(".known=")).unwrap();
    let before = memory(server.pid());

    let (names, begun, over) = (Arc::new(names), Instant::now(), Arc::new(AtomicBool::new(false)));
    let each = attempts / addresses;
    // So many at once: a server has places for no more who have proved nothing, and this is not about that.
    let turns = Arc::new(Semaphore::new(64));
    let sprayers: Vec<_> = (0..addresses)
        .map(|number| {
            let [a, b] = u16::try_from(number + 1).unwrap().to_be_bytes();
            let from = Ipv4Addr::new(127, 1, a, b);
            let (server, names, turns) = (server.clone(), names.clone(), turns.clone());
            tokio::spawn(async move {
                let _turn = turns.acquire().await.unwrap();
                spray(server, from, names, number * each, each).await
            })
        })
        .collect();
    let real = tokio::spawn({
        let (server, over, name) = (server.clone(), over.clone(), names[0].clone());
        async move {
            let (mut confirmed, mut signed_in, mut longest) = (0_u32, 0_u32, Duration::ZERO);
            let confirm = ConfirmParams { password: PASSWORD.into(), code: None };
            let mut turn = 0;
            loop {
                let last = over.load(Ordering::Relaxed);
                let turns = people.len().min(20);
                let at = Instant::now();
                people[turn % turns].call::<Confirm>(&confirm).await.unwrap();
                longest = longest.max(at.elapsed());
                (confirmed, turn) = (confirmed + 1, turn + 1);
                let mut stream = connect(server.port, Ipv4Addr::LOCALHOST).await;
                let (status, cookies) = sign_in(&mut stream, &server.url(), &name, PASSWORD, &known).await.unwrap();
                assert_eq!(status, 200, "a browser that her account knows");
                known = cookies.into_iter().find(|cookie| cookie.contains(".known=")).unwrap();
                signed_in += 1;
                if last {
                    return (people, confirmed, signed_in, longest);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    let mut total = [0; 3];
    for sprayer in sprayers {
        let answers = sprayer.await.unwrap();
        for (sum, count) in total.iter_mut().zip([answers.denied, answers.refused, answers.other]) {
            *sum += count.into_inner();
        }
    }
    over.store(true, Ordering::Relaxed);
    let (mut people, confirmed, signed_in, longest) = real.await.unwrap();
    let [denied, refused, other] = total;
    let grown = memory(server.pid()).saturating_sub(before) / 1024;
    println!(
        "{attempts} attempts from {addresses} addresses on {accounts} accounts in {:.1} s: {denied} computed, {refused} refused, \
         {other} broken off; {confirmed} confirmed and {signed_in} signed in meanwhile, the slowest in {longest:.2?}; {grown} MiB more",
        begun.elapsed().as_secs_f64()
    );
    assert_eq!(denied + refused + other, (each * addresses) as u64);
    // Five for each name, and one more whenever its time has passed.
    let minutes = begun.elapsed().as_secs() / 60;
    assert!(denied <= (accounts as u64 + 1) * (5 + minutes), "{denied}");
    assert!(other * 20 <= attempts as u64, "{other} were broken off");
    assert!(confirmed >= 2 && signed_in >= 2, "one at least while it went on");
    assert!(grown < 64, "{grown} MiB");
    // Everybody is closed to strangers, and nobody is on a device of theirs.
    for person in people.iter_mut().take(3) {
        let account = person.call::<OwnAccount>(&Nothing {}).await.unwrap();
        assert!(account.failures.iter().all(|one| one.closed_for == ClosedFor::Strangers), "{account:?}");
    }
    assert!(people[1].call::<OwnAccount>(&Nothing {}).await.unwrap().failures[0].failures >= 5);
}

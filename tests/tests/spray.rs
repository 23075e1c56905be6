//! Secrets sprayed at everybody from many addresses, by every way in. Real people get in from their devices and browsers all the while,
//! what is tried is soon refused without being computed, and none of it is kept for long.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use thechatapp_protocol::identity::Verified;
use thechatapp_protocol::methods::account::{Credential, Nothing, WhoAmI};
use thechatapp_protocol::methods::messages::{SendMessage, SendMessageParams};
use thechatapp_protocol::methods::people::{ClosedFor, IssueReset, OnePerson, OwnAccount};
use thechatapp_protocol::methods::proof::{BeginTotp, CodeParams, Confirm, ConfirmParams, FinishTotp};
use thechatapp_protocol::{Code, MessageId};
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::server::free_port;
use thechatapp_tests::{Server, rounds, wire};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::client::TlsStream;

const PASSWORD: &str = "correct horse battery";
/// How long sends are measured before anything is sprayed.
const QUIET: Duration = Duration::from_millis(1500);

/// How many answers of each kind came.
#[derive(Default)]
struct Answers {
    /// 403: a hash was computed for it.
    denied: AtomicU64,
    /// 429 or 503: none was.
    refused: AtomicU64,
    /// The connection was closed before an answer came, by whoever asked.
    broken_off: AtomicU64,
    other: AtomicU64,
}

async fn connect(port: u16, from: Ipv4Addr) -> TlsStream<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    let tcp = socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).await.unwrap();
    wire::tls_over(tcp).await
}

/// What a browser sends to sign in.
fn asks(origin: &str, params: &serde_json::Value, cookie: &str) -> Vec<u8> {
    let body = params.to_string();
    format!(
        "POST /w/acme/api/v1/account.sign_in HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {origin}\r\nCookie: {cookie}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn by_password(name: &str, password: &str) -> serde_json::Value {
    serde_json::json!({ "name": name, "password": password })
}

/// A sign-in over a connection that stays open: its status, and the cookies that came.
async fn sign_in(
    stream: &mut BufReader<TlsStream<TcpStream>>,
    origin: &str,
    params: &serde_json::Value,
    cookie: &str,
) -> std::io::Result<(u16, Vec<String>)> {
    stream.get_mut().write_all(&asks(origin, params, cookie)).await?;
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

/// Whom it is against.
struct Targets {
    server: Arc<Server>,
    known: Verified,
    names: Vec<String>,
}

async fn spray(targets: Arc<Targets>, from: Ipv4Addr, first: usize, many: usize) -> Answers {
    let Targets { server, known, names } = &*targets;
    let answers = Answers::default();
    let origin = server.url();
    let mut stream = None;
    for number in first..first + many {
        // Not all of them exist.
        let name = names.get(number % (names.len() + 1)).map_or("nobody at all", String::as_str);
        let guess = format!("guess {number}, and more");
        let params = match number % 8 {
            4 => {
                let credential = Credential::Password { name: name.into(), password: guess, code: None };
                let stream = connect(server.port, from).await;
                let enrolled = RawClient::enrol_over(stream, server.port, known, credential).await;
                let count = match enrolled.err().map(|why| why.code) {
                    Some(Code::Denied) => &answers.denied,
                    Some(Code::LockedOut | Code::Busy) => &answers.refused,
                    _ => &answers.other,
                };
                count.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            5 => {
                let mut stream = connect(server.port, from).await;
                let _ = stream.write_all(&asks(&origin, &by_password(name, &guess), "")).await;
                let _ = stream.flush().await;
                drop(stream);
                answers.broken_off.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            6 => serde_json::json!({ "name": name, "password": guess, "reset": format!("{number:022}") }),
            // Whose password is known, and whose second factor is not.
            7 => serde_json::json!({ "name": names.last().unwrap(), "password": PASSWORD, "code": "000000" }),
            _ => by_password(name, &guess),
        };
        let open = match stream.as_mut() {
            Some(open) => open,
            None => stream.insert(BufReader::new(connect(server.port, from).await)),
        };
        let count = match sign_in(open, &origin, &params, "").await {
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

/// Says things, with pauses, until it is over; how long each took.
async fn talk(mut client: RawClient, number: u64, over: Arc<AtomicBool>) -> (RawClient, Vec<Duration>) {
    let mut all = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let params = SendMessageParams {
            id: MessageId::from_parts(wire::millis(), &id(number, all.len())),
            channel: client.general,
            text: "Build 318 passes on all three systems.".into(),
            files: Vec::new(),
            thread: None,
            after: None,
        };
        let begun = Instant::now();
        client.call::<SendMessage>(&params).await.unwrap();
        all.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (client, all)
}

fn id(number: u64, turn: usize) -> [u8; 10] {
    let mut id = [0; 10];
    id[..2].copy_from_slice(&u16::try_from(number).unwrap().to_be_bytes());
    id[2..].copy_from_slice(&(turn as u64).to_be_bytes());
    id
}

fn p99(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all.get(all.len() * 99 / 100).copied().unwrap_or_default()
}

/// How many hashes of passwords a server has computed.
async fn computed(metrics: u16) -> u64 {
    let mut stream = TcpStream::connect(("127.0.0.1", metrics)).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix("thechatapp_password_hashes_total "));
    line.unwrap().parse().unwrap()
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
    let (mut server, metrics) = (Server::init_with(Vec::new()), free_port());
    let config = server.folder.path().join("server.toml");
    std::fs::write(&config, format!("[web]\nchat = true\n[server]\nmetrics = \"127.0.0.1:{metrics}\"\n")).unwrap();
    server.config = Some(config);
    server.serve();
    let server = Arc::new(server);
    let mut owner = RawClient::join(&server, server.owner_invite(), "owner").await;
    let invite = server.invite_for(accounts + 2);
    let (mut names, mut people) = (Vec::new(), Vec::new());
    for number in 0..accounts {
        let name = format!("person {number}");
        people.push(RawClient::join(&server, &invite, &name).await);
        names.push(name);
    }
    let made = people[accounts - 1].call::<BeginTotp>(&Nothing {}).await.unwrap();
    let code = totp_rs::TOTP::from_url(&made.uri).unwrap().generate(wire::millis() / 1000);
    people[accounts - 1].call::<FinishTotp>(&CodeParams { code }).await.unwrap();
    let mut talkers = Vec::new();
    for number in 0..2 {
        let mut talker = RawClient::join(&server, &invite, &format!("talker {number}")).await;
        talker.again(&server).await;
        talkers.push(talker);
    }
    // The first of them has a browser that her account knows.
    let origin = server.url();
    let mut hers = BufReader::new(connect(server.port, Ipv4Addr::LOCALHOST).await);
    let (status, cookies) = sign_in(&mut hers, &origin, &by_password(&names[0], PASSWORD), "").await.unwrap();
    assert_eq!(status, 200);
    let mut known = cookies.into_iter().find(|cookie| cookie.contains(".known=")).unwrap();
    // The third has forgotten his password, and an administrator is about to help.
    let third = OnePerson { person: people[2].call::<WhoAmI>(&Nothing {}).await.unwrap().person.id };

    let talk_until = |talkers: Vec<RawClient>, over: &Arc<AtomicBool>, round: u64| {
        let talk = |(number, talker)| tokio::spawn(talk(talker, round * 2 + number, over.clone()));
        (0..).zip(talkers).map(talk).collect::<Vec<_>>()
    };
    let quiet = Arc::new(AtomicBool::new(false));
    let talking = talk_until(talkers, &quiet, 0);
    tokio::time::sleep(QUIET).await;
    quiet.store(true, Ordering::Relaxed);
    let (talkers, quiet) = ended(talking).await;
    let (before, hashes) = (memory(server.pid()), computed(metrics).await);

    let (begun, over) = (Instant::now(), Arc::new(AtomicBool::new(false)));
    let talking = talk_until(talkers, &over, 1);
    let each = attempts / addresses;
    let identity = wire::identity(server.port, server.pin()).await;
    let targets = Targets { server: server.clone(), known: identity.clone(), names: names.clone() };
    let targets = Arc::new(targets);
    // So many at once: a server has places for no more who have proved nothing, and this is not about that.
    let turns = Arc::new(Semaphore::new(64));
    let sprayers: Vec<_> = (0..addresses)
        .map(|number| {
            let [a, b] = u16::try_from(number + 1).unwrap().to_be_bytes();
            let from = Ipv4Addr::new(127, 1, a, b);
            let (targets, turns) = (targets.clone(), turns.clone());
            tokio::spawn(async move {
                let _turn = turns.acquire().await.unwrap();
                spray(targets, from, number * each, each).await
            })
        })
        .collect();
    let real = tokio::spawn({
        let (server, over, name, third_name) = (server.clone(), over.clone(), names[0].clone(), names[2].clone());
        async move {
            let (mut confirmed, mut signed_in, mut longest) = (0_u64, 0_u64, Duration::ZERO);
            let confirm = ConfirmParams { password: PASSWORD.into(), code: None };
            let mut turn = 0;
            loop {
                let last = over.load(Ordering::Relaxed);
                let turns = people.len().min(20) - 1;
                let at = Instant::now();
                people[turn % turns].call::<Confirm>(&confirm).await.unwrap();
                longest = longest.max(at.elapsed());
                (confirmed, turn) = (confirmed + 1, turn + 1);
                // From where it is sprayed, too.
                let mut stream = BufReader::new(connect(server.port, Ipv4Addr::new(127, 1, 0, 1)).await);
                let params = by_password(&name, PASSWORD);
                let (status, cookies) = sign_in(&mut stream, &server.url(), &params, &known).await.unwrap();
                assert_eq!(status, 200, "a browser that her account knows");
                known = cookies.into_iter().find(|cookie| cookie.contains(".known=")).unwrap();
                signed_in += 1;
                if turn == 1 {
                    // By a code, on a new device: whoever has it is no stranger, even from where it is sprayed.
                    let reset = owner.call::<IssueReset>(&third).await.unwrap().code;
                    let (name, password) = (third_name.clone(), PASSWORD.to_owned());
                    let credential = Credential::Reset { name, reset, password, code: None };
                    let stream = connect(server.port, Ipv4Addr::new(127, 1, 0, 1)).await;
                    RawClient::enrol_over(stream, server.port, &identity, credential).await.unwrap();
                }
                if last {
                    return (people, confirmed, signed_in, longest);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    let mut total = [0; 4];
    for sprayer in sprayers {
        let Answers { denied, refused, broken_off, other } = sprayer.await.unwrap();
        for (sum, count) in total.iter_mut().zip([denied, refused, broken_off, other]) {
            *sum += count.into_inner();
        }
    }
    over.store(true, Ordering::Relaxed);
    let (mut people, confirmed, signed_in, longest) = real.await.unwrap();
    let (_, busy) = ended(talking).await;
    let [denied, refused, broken_off, other] = total;
    let grown = memory(server.pid()).saturating_sub(before) / 1024;
    // Each of what real people did was one, and so was the reset.
    let hashes = computed(metrics).await - hashes - confirmed - signed_in - 1;
    let (quiet, busy) = (p99(quiet), p99(busy));
    println!(
        "{attempts} attempts from {addresses} addresses on {accounts} accounts in {:.1} s: {denied} denied, {refused} refused, \
         {broken_off} broken off, {other} other; {hashes} hashes; {confirmed} confirmed and {signed_in} signed in meanwhile, the \
         slowest in {longest:.2?}; 99th of a hundred sends in {busy:.2?}, {quiet:.2?} before; {grown} MiB more",
        begun.elapsed().as_secs_f64()
    );
    assert_eq!(denied + refused + broken_off + other, (each * addresses) as u64);
    // Five for each name, and one more whenever its time has passed; five more for whom an administrator helped.
    let minutes = begun.elapsed().as_secs() / 60;
    let most = (accounts as u64 + 1) * (5 + minutes) + 5;
    assert!(denied <= most && hashes <= most, "{denied} denied, {hashes} hashes");
    assert!(other * 20 <= attempts as u64, "{other} were answered by something else");
    assert!(confirmed >= 2 && signed_in >= 2, "one at least while it went on");
    // What one hash takes, 19 MiB, and what four readers keep opened of the database, 16 MiB each at most.
    assert!(grown < 96, "{grown} MiB");
    // Everybody is closed to strangers, and nobody is on a device of theirs.
    for person in people.iter_mut().take(3) {
        let account = person.call::<OwnAccount>(&Nothing {}).await.unwrap();
        assert!(account.failures.iter().all(|one| one.closed_for == ClosedFor::Strangers), "{account:?}");
    }
    assert!(people[1].call::<OwnAccount>(&Nothing {}).await.unwrap().failures[0].failures >= 5);
}

/// What those who talked measured.
async fn ended(talking: Vec<tokio::task::JoinHandle<(RawClient, Vec<Duration>)>>) -> (Vec<RawClient>, Vec<Duration>) {
    let (mut talkers, mut all) = (Vec::new(), Vec::new());
    for one in talking {
        let (talker, times) = one.await.unwrap();
        talkers.push(talker);
        all.extend(times);
    }
    (talkers, all)
}

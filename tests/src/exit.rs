//! The proxies through which a network lets people out: HTTP CONNECT and SOCKS 5, with a name and a password or without, and
//! with the troubles that such proxies have. Each counts what goes through it.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// How one speaks to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    Connect,
    Socks,
}

/// What it does to those who come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    None,
    /// Answers each request like this.
    Answers(&'static str),
    /// Takes connections and says nothing.
    Hangs,
    /// Breaks off a connection after so many bytes from the server.
    BreaksAfter(u64),
    /// Carries nothing any more on the connections that there are, and says nothing of it; new ones work.
    Freezes,
}

/// A running proxy.
pub struct Exit {
    pub port: u16,
    tls: bool,
    inner: Arc<Inner>,
}

struct Inner {
    speaks: Speaks,
    login: Option<(String, String)>,
    /// The names that it knows, and the ports of loopback they stand for. It knows no others.
    names: BTreeMap<String, u16>,
    trouble: Mutex<Trouble>,
    /// What was asked for, refused or not.
    asked: Mutex<Vec<String>>,
    up: AtomicU64,
    down: AtomicU64,
    /// Which connection is the next one, and which was the first that is not frozen.
    next: AtomicU64,
    thaws: AtomicU64,
}

impl Exit {
    /// Starts one on a free port that knows one name.
    pub async fn start(speaks: Speaks, login: Option<(&str, &str)>, name: &str, leads_to: u16) -> Self {
        Self::start_with(speaks, None, login, name, leads_to).await
    }

    /// The same within TLS, by a certificate for 127.0.0.1 that is given back, DER.
    pub async fn start_tls(login: Option<(&str, &str)>, name: &str, leads_to: u16) -> (Self, Vec<u8>) {
        let (acceptor, authority) = crate::portal::certified("127.0.0.1");
        (Self::start_with(Speaks::Connect, Some(acceptor), login, name, leads_to).await, authority)
    }

    async fn start_with(
        speaks: Speaks,
        tls: Option<TlsAcceptor>,
        login: Option<(&str, &str)>,
        name: &str,
        leads_to: u16,
    ) -> Self {
        let is_tls = tls.is_some();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let inner = Arc::new(Inner {
            speaks,
            login: login.map(|(user, password)| (user.to_owned(), password.to_owned())),
            names: BTreeMap::from([(name.to_owned(), leads_to)]),
            trouble: Mutex::new(Trouble::None),
            asked: Mutex::default(),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            next: AtomicU64::new(0),
            thaws: AtomicU64::new(0),
        });
        let shared = Arc::clone(&inner);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (inner, tls) = (Arc::clone(&shared), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => inner.serve(tls.accept(near).await?).await,
                        None => inner.serve(near).await,
                    }
                });
            }
        });
        Self { port, inner, tls: is_tls }
    }

    pub fn has(&self, trouble: Trouble) {
        if trouble == Trouble::Freezes {
            self.inner.thaws.store(self.inner.next.load(Ordering::SeqCst), Ordering::SeqCst);
        }
        *self.inner.trouble.lock().unwrap() = trouble;
    }

    /// What was asked for until now.
    pub fn asked(&self) -> Vec<String> {
        self.inner.asked.lock().unwrap().clone()
    }

    /// Bytes that went through it, to the server and from it.
    pub fn bytes(&self) -> (u64, u64) {
        (self.inner.up.load(Ordering::SeqCst), self.inner.down.load(Ordering::SeqCst))
    }

    pub fn url(&self) -> String {
        let scheme = match (self.inner.speaks, self.tls) {
            (Speaks::Connect, true) => "https",
            (Speaks::Connect, false) => "http",
            (Speaks::Socks, _) => "socks5",
        };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }
}

impl Inner {
    async fn serve(&self, mut near: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        let trouble = *self.trouble.lock().unwrap();
        if trouble == Trouble::Hangs {
            let mut all = Vec::new();
            near.read_to_end(&mut all).await?;
            return Ok(());
        }
        let far = match self.speaks {
            Speaks::Connect => self.connect(&mut near, trouble).await?,
            Speaks::Socks => self.socks(&mut near).await?,
        };
        let Some(far) = far else { return Ok(()) };
        let most = if let Trouble::BreaksAfter(most) = trouble { most } else { u64::MAX };
        let ((mut near_read, mut near_write), (mut far_read, mut far_write)) =
            (tokio::io::split(near), far.into_split());
        let up = self.pass(&mut near_read, &mut far_write, number, &self.up, u64::MAX);
        let down = self.pass(&mut far_read, &mut near_write, number, &self.down, most);
        tokio::select! { done = up => done, done = down => done }
    }

    async fn pass(
        &self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        number: u64,
        count: &AtomicU64,
        most: u64,
    ) -> io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        let mut passed = 0;
        while passed < most {
            let length = from.read(&mut buffer).await?;
            if length == 0 {
                break;
            }
            if number < self.thaws.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            to.write_all(&buffer[..length]).await?;
            to.flush().await?;
            passed += length as u64;
            count.fetch_add(length as u64, Ordering::SeqCst);
        }
        Ok(())
    }

    fn leads(&self, host: &str, port: &str) -> Option<u16> {
        self.asked.lock().unwrap().push(format!("{host}:{port}"));
        self.names.get(host).copied()
    }

    async fn connect(
        &self,
        near: &mut (impl AsyncRead + AsyncWrite + Unpin),
        trouble: Trouble,
    ) -> io::Result<Option<TcpStream>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(near.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let target = head.split(' ').nth(1).unwrap_or_default();
        let (host, port) = target.rsplit_once(':').unwrap_or((target, ""));
        let leads = self.leads(host, port);
        let wanted = self.login.as_ref().map(|(user, password)| {
            let both = data_encoding::BASE64.encode(format!("{user}:{password}").as_bytes());
            format!("proxy-authorization: basic {}", both.to_lowercase())
        });
        let answer = match (trouble, wanted, leads) {
            (Trouble::Answers(answer), ..) => answer.to_owned(),
            (_, Some(wanted), _) if !head.to_lowercase().contains(&wanted) => {
                "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"test\"".into()
            }
            (_, _, None) => "502 No Such Name".into(),
            (_, _, Some(_)) => "200 Connection Established".into(),
        };
        let through = answer.starts_with("200");
        let length = if through { "" } else { "Content-Length: 0\r\n" };
        near.write_all(format!("HTTP/1.1 {answer}\r\n{length}\r\n").as_bytes()).await?;
        near.flush().await?;
        match leads {
            Some(port) if through => Ok(Some(TcpStream::connect(("127.0.0.1", port)).await?)),
            _ => Ok(None),
        }
    }

    async fn socks(&self, near: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<Option<TcpStream>> {
        near.read_u8().await?;
        let mut methods = vec![0; usize::from(near.read_u8().await?)];
        near.read_exact(&mut methods).await?;
        let method = if self.login.is_some() { 2 } else { 0 };
        if !methods.contains(&method) {
            near.write_all(&[5, 0xff]).await?;
            return Ok(None);
        }
        near.write_all(&[5, method]).await?;
        if let Some((user, password)) = &self.login {
            near.read_u8().await?;
            let (said, word) = (text(near).await?, text(near).await?);
            let fits = said == *user && word == *password;
            near.write_all(&[1, u8::from(!fits)]).await?;
            if !fits {
                return Ok(None);
            }
        }
        let mut request = [0; 4];
        near.read_exact(&mut request).await?;
        let host = match request[3] {
            3 => text(near).await?,
            kind => {
                near.read_exact(&mut vec![0; if kind == 1 { 4 } else { 16 }]).await?;
                "an address".to_owned()
            }
        };
        let port = near.read_u16().await?;
        let leads = self.leads(&host, &port.to_string());
        let status = if leads.is_some() { 0 } else { 4 };
        near.write_all(&[5, status, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        match leads {
            Some(port) => Ok(Some(TcpStream::connect(("127.0.0.1", port)).await?)),
            None => Ok(None),
        }
    }
}

/// A text with its length before it.
async fn text(near: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut text = vec![0; usize::from(near.read_u8().await?)];
    near.read_exact(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

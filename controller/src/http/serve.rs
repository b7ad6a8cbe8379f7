//! The two listeners: TCP, and the control socket that only the operator's uid may open.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    io,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener, UnixStream},
    sync::{oneshot, watch},
    task::JoinSet,
};
use tower::Service;

use super::{
    GateLink, Vault,
    app::{App, MOST_CHANGES, MOST_REQUESTS, Settings, Shared, closed, count},
    auth::Entrance,
    crowd::{Crowd, Known, Peer, Seat},
    finish::Finisher,
    metrics::Counters,
    pace::{Lanes, Paced},
    places::Places,
    router::router,
};
use crate::{
    desk::{Answered, Desk, Refusal, views::GateView},
    private,
};

/// A path of a Unix socket may not be longer on every system that we run on.
const LONGEST_SOCKET_PATH: usize = 100;
/// How long a client may take to send its headers, and to begin its next request.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// How long answers under way may take after the server was asked to close.
const CLOSING_WITHIN: Duration = Duration::from_secs(5);
/// The most bytes of a request's headers.
const LONGEST_HEADERS: usize = 64 * 1024;
/// The threads of the control socket: one may wait, and another still answers.
const CONTROL_THREADS: usize = 2;

/// Why the server does not open.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address cannot be bound.
    #[error("cannot listen on \"{place}\"")]
    Listen {
        /// The address or path.
        place: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Another daemon answers at the control socket.
    #[error("another daemon answers at \"{0}\"")]
    Taken(PathBuf),
    /// The key of the sessions could not be read.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// The running server; dropping it closes the listeners at once.
pub struct Server {
    app: App,
    address: Option<SocketAddr>,
    socket: PathBuf,
    closing: watch::Sender<bool>,
    tasks: JoinSet<()>,
    /// Resolves when the threads of the control socket have ended.
    control: oneshot::Receiver<()>,
}

impl Server {
    /// Opens the listeners and serves.
    ///
    /// # Errors
    /// [`Error`]: nothing is left open.
    pub async fn open(settings: Settings) -> Result<Self, Error> {
        let (closing, closed) = watch::channel(false);
        let tcp = match settings.listen {
            Some(address) => {
                Some(TcpListener::bind(address).await.map_err(|cause| listen(address.to_string(), cause))?)
            }
            None => None,
        };
        let address = tcp.as_ref().and_then(|tcp| tcp.local_addr().ok());
        let socket = control_path(&settings.data);
        let unix = bind_control(&settings.data, &socket).await?;
        let app = share(settings, address, closed.clone()).await?;
        let router = router(app.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(count(app.clone()));
        // The operator and strangers share no thread, no place and no queue.
        let talks = Talks::new(router.clone(), Entrance::Socket, closed.clone());
        let changes = app.finishers.0.clone();
        let failed = |cause| listen(socket.display().to_string(), cause);
        let control = control_runtime()
            .and_then(|runtime| serve_control(runtime, unix, (talks, changes)))
            .map_err(failed)?;
        if let Some(tcp) = tcp {
            tasks.spawn(accept_tcp(tcp, Talks::new(router, Entrance::Tcp, closed.clone()), closed));
        }
        Ok(Self { app, address, socket, closing, tasks, control })
    }

    /// Returns where TCP is served.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Returns where the operator's browser finds the dashboard.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.app.desk.url
    }

    /// Returns the path of the control socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Returns what authentication remembers, to make tokens.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.app.vault
    }

    /// Makes a one-time login link, good for ten minutes.
    ///
    /// # Errors
    /// [`Code::Bug`](crate::desk::Code::Bug) without randomness.
    pub fn login_link(&self) -> Answered<String> {
        Ok(format!("{}/login/{}", self.app.desk.url, self.app.vault.login()?.0))
    }

    /// Returns the link of a gate for a mail; for high risk, which has no one-click link, the gate's page.
    #[must_use]
    pub fn gate_link(&self, gate: &GateView, who: &str) -> String {
        match GateLink::seal(&self.app.vault, gate, who) {
            Some(sealed) => format!("{}/gate/{sealed}", self.app.desk.url),
            None => format!("{}/gates/{}", self.app.desk.url, gate.id),
        }
    }

    /// Closes the listeners, lets answers under way finish, and ends the streams.
    pub async fn shutdown(mut self) {
        self.closing.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
        // A thread that has ended without a word has ended too.
        drop(self.control.await);
        self.app.finishers.1.idle(CLOSING_WITHIN).await;
        // The next daemon binds the same path; a socket that nobody listens on only confuses clients.
        if let Err(error) = std::fs::remove_file(&self.socket) {
            tracing::debug!(%error, "control socket not removed");
        }
    }
}

async fn share(
    settings: Settings,
    address: Option<SocketAddr>,
    closing: watch::Receiver<bool>,
) -> Result<App, Error> {
    let vault = Vault::open(settings.journal, settings.clock.clone()).await?;
    let public = settings.public_url.map(|url| url.trim_end_matches('/').to_owned());
    let mut hosts: BTreeSet<String> = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).into();
    hosts.extend(address.map(|address| match address.ip() {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    }));
    let named = public.as_deref().and_then(|url| url::Url::parse(url).ok());
    hosts.extend(named.and_then(|url| url.host_str().map(str::to_owned)));
    let url = public.or(address.map(|address| format!("http://{address}"))).unwrap_or_default();
    let desk = Desk::new(settings.handle, settings.clock, settings.doors, url);
    Ok(App(Arc::new(Shared {
        desk,
        vault,
        hooks: settings.hooks,
        metrics: Counters::default(),
        finishers: (Finisher::new(MOST_CHANGES), Finisher::new(MOST_CHANGES)),
        places: Places::new(MOST_REQUESTS),
        hosts,
        closing,
    })))
}

fn listen(place: String, cause: io::Error) -> Error {
    Error::Listen { place, cause }
}

/// Returns where the daemon of a data folder makes its control socket.
fn control_path(data: &Path) -> PathBuf {
    let path = data.join("control.sock");
    if path.as_os_str().len() <= LONGEST_SOCKET_PATH {
        return path;
    }
    let name = blake3::hash(data.as_os_str().as_encoded_bytes()).to_hex();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(
        || std::env::temp_dir().join(format!("adjutant-{}", private::us())),
        |folder| PathBuf::from(folder).join("adjutant"),
    );
    runtime.join(format!("{}.sock", &name[..16]))
}

/// Returns where clients find the control socket of a data folder.
#[must_use]
pub fn find_control(data: &Path) -> PathBuf {
    match std::fs::read_to_string(data.join("control")) {
        Ok(named) if !named.trim().is_empty() => PathBuf::from(named.trim()),
        _ => data.join("control.sock"),
    }
}

async fn bind_control(data: &Path, socket: &Path) -> Result<std::os::unix::net::UnixListener, Error> {
    let failed = |cause| listen(socket.display().to_string(), cause);
    if UnixStream::connect(socket).await.is_ok() {
        return Err(Error::Taken(socket.to_owned()));
    }
    prepare_folder(data, socket).map_err(failed)?;
    let listener = std::os::unix::net::UnixListener::bind(socket).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

/// Removes a dead socket; writes `<data>/control` where the socket lies elsewhere, in a folder that is ours alone.
fn prepare_folder(data: &Path, socket: &Path) -> io::Result<()> {
    let missing_is_fine = |result: io::Result<()>| match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    if socket.parent() == Some(data) {
        missing_is_fine(std::fs::remove_file(socket))?;
        return missing_is_fine(std::fs::remove_file(data.join("control")));
    }
    // It lies where others may write too: one who made it before us could put another socket there.
    for word in private::folder(socket.parent().unwrap_or(data)).map_err(io::Error::other)? {
        tracing::warn!(word, "the folder of the control socket");
    }
    missing_is_fine(std::fs::remove_file(socket))?;
    std::fs::write(data.join("control"), format!("{}\n", socket.display()))
}

async fn accept_tcp(listener: TcpListener, talks: Talks, mut closing: watch::Receiver<bool>) {
    let mut talks = talks;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "no TCP_NODELAY");
                    }
                    talks.begin(stream, Peer::of(from.ip()));
                }
                Err(error) => talks.refused(&error).await,
            },
            () = closed(&mut closing) => break,
        }
    }
    talks.finish().await;
}

async fn accept_unix(listener: UnixListener, talks: Talks, mut closing: watch::Receiver<bool>) {
    let mut talks = talks;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if is_operator(&stream) => talks.begin(stream, Peer::Socket),
                Ok(_) => tracing::warn!("a stranger tried the control socket"),
                Err(error) => talks.refused(&error).await,
            },
            () = closed(&mut closing) => break,
        }
    }
    talks.finish().await;
}

/// Serves the control socket on threads of its own, and says when it has ended.
fn serve_control(
    runtime: tokio::runtime::Runtime,
    listener: std::os::unix::net::UnixListener,
    (talks, changes): (Talks, Finisher),
) -> io::Result<oneshot::Receiver<()>> {
    let (ended, end) = oneshot::channel();
    let closing = talks.closing.clone();
    std::thread::Builder::new().name("control".to_owned()).spawn(move || {
        runtime.block_on(async move {
            match UnixListener::from_std(listener) {
                Ok(listener) => accept_unix(listener, talks, closing).await,
                Err(error) => tracing::error!(%error, "the control socket cannot be served"),
            }
            // What a request changes runs on these threads, and is finished whether or not anybody waits for it.
            changes.idle(CLOSING_WITHIN).await;
        });
        runtime.shutdown_timeout(CLOSING_WITHIN);
        if ended.send(()).is_err() {
            tracing::debug!("the server was dropped without waiting for the control socket");
        }
    })?;
    Ok(end)
}

fn control_runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("control")
        .enable_all()
        .build()
}

/// Returns whether the process at the other end belongs to the user that this one runs as.
fn is_operator(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == private::us())
}

/// The connections of one listener.
struct Talks {
    router: Router,
    entrance: Entrance,
    closing: watch::Receiver<bool>,
    crowd: Arc<Crowd>,
    lanes: Arc<Lanes>,
    tasks: JoinSet<()>,
}

impl Talks {
    fn new(router: Router, entrance: Entrance, closing: watch::Receiver<bool>) -> Self {
        let (crowd, lanes) = (Arc::default(), Arc::default());
        Self { router, entrance, closing, crowd, lanes, tasks: JoinSet::new() }
    }

    /// Begins a connection; the accepting loop never waits for one.
    fn begin<I: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&mut self, stream: I, peer: Peer) {
        while self.tasks.try_join_next().is_some() {}
        let Some((seat, cut)) = self.crowd.admit(peer) else {
            tracing::debug!(?peer, "too many connections are busy");
            return;
        };
        let talk = Talk {
            router: self.router.clone(),
            entrance: self.entrance,
            peer,
            lanes: Arc::clone(&self.lanes),
            seat: Arc::new(seat),
        };
        let closing = self.closing.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = converse(stream, talk, closing) => {}
                // Somebody newer needed the place.
                _ = cut => {}
            }
        });
    }

    /// Waits a moment after a failed accept: the usual cause, too many open files, passes only by itself.
    async fn refused(&self, error: &io::Error) {
        tracing::warn!(%error, "accept failed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    async fn finish(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// One connection, and the place that it holds until it ends.
#[derive(Clone)]
struct Talk {
    router: Router,
    entrance: Entrance,
    peer: Peer,
    lanes: Arc<Lanes>,
    seat: Arc<Seat>,
}

impl Talk {
    async fn answer(
        self,
        mut request: hyper::Request<Incoming>,
    ) -> Result<axum::response::Response, Infallible> {
        self.seat.busy();
        request.extensions_mut().insert(self.entrance);
        request.extensions_mut().insert(self.peer);
        let lane = lane(request.uri().path()).to_owned();
        let request = match self.entrance {
            Entrance::Socket => request.map(Body::new),
            Entrance::Tcp => request.map(|body| Body::new(Paced::new(body, Arc::clone(&self.lanes), lane))),
        };
        let answer = self.router.clone().call(request).await.unwrap_or_else(|never| match never {});
        self.seat.rests(answer.extensions().get::<Known>());
        Ok(answer)
    }
}

/// Returns which bodies share places: those of one hook, those of links and logins, and those of callers that are known.
fn lane(path: &str) -> &str {
    match path.strip_prefix("/hooks/") {
        Some(hook) => hook,
        None if path.starts_with("/gate/") || path.starts_with("/login/") => "/links",
        None => "/known",
    }
}

async fn converse<I: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: I,
    talk: Talk,
    mut closing: watch::Receiver<bool>,
) {
    let service = service_fn(move |request: hyper::Request<Incoming>| talk.clone().answer(request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(LONGEST_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = closed(&mut closing) => None,
    };
    if ended.is_none() {
        connection.as_mut().graceful_shutdown();
        if tokio::time::timeout(CLOSING_WITHIN, connection).await.is_err() {
            tracing::debug!("connection cut at shutdown");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_for_the_socket_that_somebody_else_has_a_hand_in_is_not_used() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let at = |folder: &str| prepare_folder(&data, &root.path().join(folder).join("x.sock"));
        let mode = |mode| std::fs::Permissions::from_mode(mode);
        at("fresh").unwrap();
        std::fs::set_permissions(root.path().join("fresh"), mode(0o777)).unwrap();
        at("fresh").unwrap();
        let closed = std::fs::metadata(root.path().join("fresh")).unwrap().permissions().mode();
        assert_eq!(closed & 0o777, 0o700, "our own is closed");
        std::fs::write(root.path().join("file"), "").unwrap();
        at("file").unwrap_err();
        std::fs::create_dir(root.path().join("shared")).unwrap();
        std::fs::set_permissions(root.path().join("shared"), mode(0o777)).unwrap();
        let refused = at("shared/adjutant").unwrap_err();
        assert!(refused.to_string().contains("everybody may write"), "{refused}");
        if private::us() == 0 {
            std::fs::create_dir(root.path().join("foreign")).unwrap();
            std::os::unix::fs::chown(root.path().join("foreign"), Some(65_534), None).unwrap();
            let refused = at("foreign").unwrap_err();
            assert!(refused.to_string().contains("belongs to user 65534"), "{refused}");
        }
    }
}

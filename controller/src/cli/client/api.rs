//! One request, one answer: over the control socket of a data folder, or to `--server` with a token.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use reqwest::{Method, StatusCode, header::HeaderMap};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::OnceCell;
use url::Url;

use crate::{
    cli::{
        args::Global,
        failure::{Exit, Failure},
        out::{Out, words},
        place,
    },
    desk::Refusal,
    private,
};

/// A daemon that can be asked.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
    /// What people call it, for errors.
    place: String,
    /// The control socket, where it is one, and whether it was looked at.
    socket: Option<Arc<Socket>>,
}

/// A control socket: nothing is sent to it before it is known that it is ours.
#[derive(Debug)]
struct Socket {
    path: PathBuf,
    is_ours: OnceCell<()>,
}

/// A page of a list.
#[derive(Debug)]
pub(crate) struct ListPage {
    /// What is on it.
    pub(crate) items: Value,
    /// What to name as `--after` for the next page; nothing on the last one.
    pub(crate) next: Option<String>,
    /// How many there are in all.
    pub(crate) total: u64,
}

impl ListPage {
    /// Says how the list goes on after this page; `command` is what was typed, without its page.
    pub(crate) fn say_next(&self, out: &Out, command: &str) {
        let Some(next) = &self.next else { return };
        let shown = self.items.as_array().map_or(0, Vec::len);
        out.say(words!("{} of {}; the next ones: adjutant {} --after {}", shown, self.total, command, next));
    }
}

impl Client {
    /// Returns the client of the daemon that the command line means; nothing is sent yet.
    ///
    /// # Errors
    /// A URL that is none.
    pub(crate) fn of(global: &Global) -> Result<Self, Failure> {
        match &global.server {
            Some(server) => Self::at_url(server, global.token.clone()),
            None => Self::at_socket(&place::socket(&place::data(global)?)),
        }
    }

    /// Returns the client of a control socket.
    ///
    /// # Errors
    /// Our own bug.
    pub(crate) fn at_socket(socket: &Path) -> Result<Self, Failure> {
        let http = reqwest::Client::builder().unix_socket(PathBuf::from(socket)).no_proxy().build();
        let base = Url::parse("http://localhost/").map_err(|error| Failure::of(Exit::Bug, &error))?;
        let place = socket.display().to_string();
        let socket = Some(Arc::new(Socket { path: socket.to_owned(), is_ours: OnceCell::new() }));
        Ok(Self { http: built(http)?, base, token: None, place, socket })
    }

    fn at_url(server: &str, token: Option<String>) -> Result<Self, Failure> {
        let wrong = |why: String| {
            Failure::new(Exit::Usage, format!("\"{server}\" is no address of a daemon: {why}"))
                .hint("such as `--server http://127.0.0.1:7717`")
        };
        let base = Url::parse(server).map_err(|error| wrong(error.to_string()))?;
        if !["http", "https"].contains(&base.scheme()) {
            return Err(wrong("it must begin with http:// or https://".to_owned()));
        }
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        Ok(Self { http: built(http)?, base, token, place: server.to_owned(), socket: None })
    }

    /// Asks for something.
    ///
    /// # Errors
    /// What the daemon refuses, and exit code 69 where none answers.
    pub(crate) async fn get(&self, path: &[&str]) -> Result<Value, Failure> {
        self.send(self.request(Method::GET, self.url(path)?)).await
    }

    /// Asks for something and reads it as a view.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn view<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        read(self.get(path).await?)
    }

    /// Asks for what fits a wish.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn find(&self, path: &[&str], wish: &impl Serialize) -> Result<Value, Failure> {
        self.send(self.request(Method::GET, self.url(path)?).query(wish)).await
    }

    /// Asks for a page of a list.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn page(&self, path: &[&str], wish: &impl Serialize) -> Result<ListPage, Failure> {
        let asked = self.request(Method::GET, self.url(path)?).query(wish);
        let (headers, items) = self.whole(asked).await?;
        // The key of a record may have letters that no other header has.
        let header = |name: &str| String::from_utf8(headers.get(name)?.as_bytes().to_vec()).ok();
        let total = header("x-total-count").and_then(|total| total.parse().ok()).unwrap_or_default();
        Ok(ListPage { items, next: header("x-next"), total })
    }

    /// Commands something: a wish of the desk, as JSON.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn post(&self, path: &[&str], wish: &impl Serialize) -> Result<Value, Failure> {
        let request = self.request(Method::POST, self.url(path)?);
        let text = serde_json::to_vec(wish).map_err(|error| Failure::of(Exit::Bug, &error))?;
        self.send(request.header("content-type", "application/json").body(text)).await
    }

    /// Commands something that needs no more words.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn order(&self, path: &[&str]) -> Result<Value, Failure> {
        self.send(self.request(Method::POST, self.url(path)?)).await
    }

    /// Takes something away.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn delete(&self, path: &[&str]) -> Result<Value, Failure> {
        self.send(self.request(Method::DELETE, self.url(path)?)).await
    }

    /// Opens the stream of changes.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn events(&self) -> Result<reqwest::Response, Failure> {
        let mut url = self.base.clone();
        url.set_path("/events");
        self.meet().await?;
        let response = self.request(Method::GET, url).send().await.map_err(|error| self.silent(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, text) = (response.status(), response.text().await.unwrap_or_default());
        Err(self.refused(status, &text))
    }

    fn url(&self, path: &[&str]) -> Result<Url, Failure> {
        let mut url = self.base.clone();
        let cannot = || Failure::new(Exit::Usage, format!("\"{}\" is no address of a daemon", self.base));
        url.path_segments_mut().map_err(|()| cannot())?.pop_if_empty().extend(["api", "v1"]).extend(path);
        Ok(url)
    }

    fn request(&self, method: Method, url: Url) -> reqwest::RequestBuilder {
        let request = self.http.request(method, url).header("accept", "application/json");
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, Failure> {
        self.whole(request).await.map(|(_, body)| body)
    }

    async fn whole(&self, request: reqwest::RequestBuilder) -> Result<(HeaderMap, Value), Failure> {
        self.meet().await?;
        let response = request.send().await.map_err(|error| self.silent(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.map_err(|error| self.silent(&error))?;
        if !status.is_success() {
            return Err(self.refused(status, &text));
        }
        if text.is_empty() {
            return Ok((headers, Value::Null));
        }
        let body = serde_json::from_str(&text).map_err(|error| {
            Failure::new(Exit::Bug, format!("\"{}\" answered something else than JSON", self.place))
                .caused_by(&error)
        })?;
        Ok((headers, body))
    }

    /// Finds out who listens at the control socket, once.
    async fn meet(&self) -> Result<(), Failure> {
        let Some(socket) = &self.socket else { return Ok(()) };
        socket.is_ours.get_or_try_init(|| look(&socket.path)).await.copied()
    }

    /// Nobody answered, or not to the end.
    fn silent(&self, error: &reqwest::Error) -> Failure {
        let failure = Failure::new(Exit::Unreachable, format!("no daemon answers at \"{}\"", self.place));
        failure
            .because_of(error)
            .hint("`adjutant up --repo DIR` starts it; `--data DIR` names its data folder")
    }

    fn refused(&self, status: StatusCode, text: &str) -> Failure {
        match serde_json::from_str::<Refusal>(text) {
            Ok(refusal) => refusal.into(),
            Err(_) => {
                let exit = if status.is_server_error() { Exit::Again } else { Exit::Bug };
                Failure::new(exit, format!("\"{}\" answered {status}", self.place))
            }
        }
    }
}

/// Refuses a socket at which another user listens: what is sent there would be theirs, and what is answered too.
async fn look(socket: &Path) -> Result<(), Failure> {
    // Where nobody listens the request itself says so.
    let Ok(stream) = tokio::net::UnixStream::connect(socket).await else { return Ok(()) };
    let peer = stream.peer_cred().map_err(|error| Failure::of(Exit::Bug, &error))?;
    known(socket, peer.uid(), private::us())
}

fn known(socket: &Path, listens: u32, us: u32) -> Result<(), Failure> {
    if listens == us {
        return Ok(());
    }
    let reason =
        format!("user {listens} listens at \"{}\", and we are user {us}: nothing was sent", socket.display());
    Err(Failure::new(Exit::Forbidden, reason)
        .hint("ask as the user of the daemon, or name its data folder with `--data DIR`"))
}

fn built(http: reqwest::Result<reqwest::Client>) -> Result<reqwest::Client, Failure> {
    http.map_err(|error| Failure::of(Exit::Bug, &error))
}

/// Reads an answer as a view.
///
/// # Errors
/// A daemon of another version.
pub(crate) fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Failure> {
    serde_json::from_value(answer).map_err(|error| {
        Failure::new(Exit::Bug, "the daemon answered in another form")
            .caused_by(&error)
            .hint("are both of the same version? `adjutant --version`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_sent_to_a_socket_of_another_user() {
        let socket = Path::new("/tmp/adjutant-0/x.sock");
        assert!(known(socket, 1_000, 1_000).is_ok());
        for (listens, us) in [(1_000, 0), (0, 1_000), (1_001, 1_000)] {
            let refused = known(socket, listens, us).unwrap_err();
            assert!(refused.exit == Exit::Forbidden && refused.message.contains("nothing was sent"));
        }
    }

    #[tokio::test]
    async fn a_socket_of_our_own_is_known_and_one_without_a_listener_is_left_to_the_request() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("control.sock");
        assert!(look(&socket).await.is_ok());
        let _listener = tokio::net::UnixListener::bind(&socket).unwrap();
        assert!(look(&socket).await.is_ok());
    }
}

//! What authentication remembers: the server's key, sessions and tokens, as rows of the store; login links, in memory.
//!
//! Secrets are random, 256 bits, and stored as hashes only; a login link lives ten minutes and dies with the process.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use adjutant_machine::{
    id::Stamp,
    journal::{self, Batch, Guard, Journal, JournalError, RowWrite, Scan, Table},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{Principal, Session, throttle::Throttle};
use crate::desk::{
    Answered, Clock, Code, NewToken, PageWish, Proof, Refusal, Scope, Who,
    views::{Issued, Paged, TokenView, When},
};

/// How long a login link can be used.
const LOGIN_MILLIS: u64 = 10 * 60 * 1_000;
/// How long after a login high-risk approvals are accepted.
const STRONG_MILLIS: u64 = 10 * 60 * 1_000;
/// How long a session lasts: two weeks, then the operator asks for another link.
pub(in crate::http) const SESSION_SECONDS: u64 = 14 * 24 * 60 * 60;

/// How many days a token lasts where nobody says more, and the most.
const USUAL_DAYS: u32 = 90;
const MOST_DAYS: u32 = 3_650;

/// How many hexadecimal digits the id of a token has.
const ID_DIGITS: usize = 12;

type Key = [u8; 32];

/// What authentication remembers.
pub struct Vault {
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    key: Key,
    logins: Mutex<BTreeMap<String, Stamp>>,
    pub(in crate::http) throttle: Throttle,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct TokenRow {
    #[serde(flatten)]
    view: TokenView,
    hash: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SessionRow {
    strong_until: Stamp,
    expires: Stamp,
}

impl SessionRow {
    fn holds(&self, now: Stamp) -> bool {
        within(self.expires, now, SESSION_SECONDS * 1_000)
    }
}

/// Returns whether an end is still to come, and no further away than its own window: a clock that was ahead gives nobody a
/// longer life.
pub(super) fn within(end: Stamp, now: Stamp, window: u64) -> bool {
    now < end && end <= now.plus(window)
}

impl Vault {
    /// Opens the vault; a fresh store gets a key.
    ///
    /// # Errors
    /// [`Code::Journal`] where the store refuses.
    pub async fn open(journal: Arc<dyn Journal>, clock: Arc<dyn Clock>) -> Answered<Self> {
        let store = journal.clone();
        let now = clock.now();
        let key = blocking(move || {
            forget_lapsed(store.as_ref(), now)?;
            first_key(store.as_ref())
        })
        .await?;
        Ok(Self { journal, clock, key, logins: Mutex::default(), throttle: Throttle::default() })
    }

    /// Returns the present moment.
    #[must_use]
    pub fn now(&self) -> Stamp {
        self.clock.now()
    }

    /// Returns the seal of some bytes for a purpose.
    pub(super) fn mac(&self, purpose: &str, bytes: &[u8]) -> Vec<u8> {
        self.sealed(purpose, bytes).finalize().into_bytes().to_vec()
    }

    /// Returns whether a seal is right, in constant time.
    pub(super) fn mac_is(&self, purpose: &str, bytes: &[u8], mac: &[u8]) -> bool {
        self.sealed(purpose, bytes).verify_slice(mac).is_ok()
    }

    fn sealed(&self, purpose: &str, bytes: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a MAC takes a key of any length");
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(bytes);
        mac
    }

    /// Returns the cookie's name: other for each store, because cookies do not know ports.
    pub(in crate::http) fn cookie_name(&self) -> String {
        let mark = data_encoding::HEXLOWER.encode(&self.mac("adjutant/cookie-name/v1", &[]));
        format!("adjutant_{}", &mark[..8])
    }

    /// Makes a one-time login secret, good for ten minutes.
    ///
    /// # Errors
    /// [`Code::Bug`] without randomness.
    pub fn login(&self) -> Answered<(String, Stamp)> {
        let secret = random()?;
        let expires = self.now().plus(LOGIN_MILLIS);
        let now = self.now();
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.retain(|_, until| within(*until, now, LOGIN_MILLIS));
        logins.insert(hash(&secret), expires);
        Ok((secret, expires))
    }

    /// Returns whether a login secret can still be used; uses nothing up.
    pub(in crate::http) fn login_is_open(&self, secret: &str) -> bool {
        let now = self.now();
        let logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.get(&hash(secret)).is_some_and(|until| within(*until, now, LOGIN_MILLIS))
    }

    /// Uses a login secret up; returns the value of the session's cookie.
    pub(in crate::http) async fn login_take(&self, secret: &str) -> Answered<Option<String>> {
        let now = self.now();
        let until = self.logins.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash(secret));
        if until.is_none_or(|until| !within(until, now, LOGIN_MILLIS)) {
            return Ok(None);
        }
        let cookie = random()?;
        let row =
            SessionRow { strong_until: now.plus(STRONG_MILLIS), expires: now.plus(SESSION_SECONDS * 1_000) };
        self.put(&session_key(&hash(&cookie)), Some(&row)).await?;
        Ok(Some(cookie))
    }

    /// Returns the caller behind a session's cookie.
    pub(super) async fn session(&self, cookie: &str) -> Answered<Option<Principal>> {
        let hash = hash(cookie);
        let Some(row) = self.get::<SessionRow>(&session_key(&hash)).await? else { return Ok(None) };
        if !row.holds(self.now()) {
            return Ok(None);
        }
        let csrf = URL_SAFE_NO_PAD.encode(self.mac("adjutant/csrf/v1", hash.as_bytes()));
        let strong_until =
            if within(row.strong_until, self.now(), STRONG_MILLIS) { row.strong_until } else { Stamp(0) };
        let who = Who::operator(Proof::Session { strong_until });
        Ok(Some(Principal { who, session: Some(Session { hash, csrf }) }))
    }

    /// Ends a session.
    pub(in crate::http) async fn logout(&self, session: &Session) -> Answered<()> {
        self.put::<SessionRow>(&session_key(&session.hash), None).await
    }

    /// Makes a token.
    ///
    /// # Errors
    /// [`Code::Forbidden`] for an agent that shall approve or operate, [`Code::Invalid`] for a name that is none.
    pub async fn token(&self, wish: NewToken) -> Answered<Issued> {
        let scopes = checked_scopes(&wish)?;
        let days = checked_days(wish.days)?;
        let secret = random()?;
        let id = hash(&secret)[..ID_DIGITS].to_owned();
        let created = self.now();
        let expires = created.plus(days * 24 * 60 * 60 * 1_000);
        let view = TokenView {
            id: id.clone(),
            name: wish.name,
            agent: wish.agent,
            scopes,
            created: When(created),
            expires: When(expires),
        };
        let row = TokenRow { view: view.clone(), hash: hash(&secret) };
        self.put(&token_key(&id), Some(&row)).await?;
        Ok(Issued { view, token: format!("adj_{id}_{secret}") })
    }

    /// Lists the tokens by their ids, page by page.
    ///
    /// # Errors
    /// [`Code::NotFound`] where what to go on after is no id of a token.
    pub async fn tokens(&self, wish: PageWish) -> Answered<Paged<TokenView>> {
        // One that was taken back meanwhile still says where to go on.
        if let Some(id) = wish.after.as_deref().filter(|id| !is_id(id)) {
            return Err(Refusal::not_found("token", id));
        }
        let journal = self.journal.clone();
        blocking(move || tokens(journal.as_ref(), &wish)).await
    }

    /// Takes a token back.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn revoke(&self, id: &str) -> Answered<()> {
        if self.get::<TokenRow>(&token_key(id)).await?.is_none() {
            return Err(Refusal::not_found("token", id));
        }
        self.put::<TokenRow>(&token_key(id), None).await
    }

    /// Returns the caller behind a bearer token.
    pub(super) async fn bearer(&self, token: &str) -> Answered<Option<Principal>> {
        let Some((id, secret)) = token.strip_prefix("adj_").and_then(|rest| rest.split_once('_')) else {
            return Ok(None);
        };
        let Some(row) = self.get::<TokenRow>(&token_key(id)).await? else { return Ok(None) };
        let is_right = bool::from(row.hash.as_bytes().ct_eq(hash(secret).as_bytes()));
        let life = row.view.expires.0.0.saturating_sub(row.view.created.0.0);
        if !is_right || !within(row.view.expires.0, self.now(), u64::try_from(life).unwrap_or(0)) {
            return Ok(None);
        }
        let is_agent = row.view.agent.is_some();
        let by = row
            .view
            .agent
            .map_or_else(|| format!("token:{}", row.view.name), |agent| format!("agent:{agent}"));
        let who = Who { by, scopes: row.view.scopes, proof: Proof::Token { is_agent } };
        Ok(Some(Principal { who, session: None }))
    }

    async fn get<T: DeserializeOwned>(&self, key: &str) -> Answered<Option<T>> {
        let (journal, key) = (self.journal.clone(), key.to_owned());
        let row = blocking(move || journal.row(Table::Host, key.as_bytes())).await?;
        row.map(|row| decode(&row.value)).transpose()
    }

    async fn put<T: Serialize>(&self, key: &str, value: Option<&T>) -> Answered<()> {
        let value =
            value.map(serde_json::to_vec).transpose().map_err(|error| Refusal::bug(error.to_string()))?;
        let batch = Batch { writes: vec![host_row(key, value)], ..Batch::default() };
        let journal = self.journal.clone();
        blocking(move || journal.append(batch)).await.map(drop)
    }
}

/// A token that outlives every memory of it is a door left open; and its lapse must be a moment that can be written.
fn checked_days(days: Option<u32>) -> Answered<u64> {
    match days.unwrap_or(USUAL_DAYS) {
        days @ 1..=MOST_DAYS => Ok(u64::from(days)),
        days => Err(Refusal::invalid(format!("a token lasts 1 to {MOST_DAYS} days, not {days}"))),
    }
}

fn checked_scopes(wish: &NewToken) -> Answered<BTreeSet<Scope>> {
    let is_name = |text: &str| {
        (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    if !is_name(&wish.name) || wish.agent.as_deref().is_some_and(|agent| !is_name(agent)) {
        return Err(Refusal::invalid("a token's name has 1 to 64 letters, digits, `-`, `_`, `.`"));
    }
    let mut scopes = wish.scopes.clone();
    if scopes.is_empty() {
        scopes.insert(Scope::Read);
    }
    let forbidden = [Scope::Approve, Scope::Operate].into_iter().find(|scope| scopes.contains(scope));
    match (forbidden, &wish.agent) {
        (Some(scope), Some(agent)) => Err(Refusal::new(
            Code::Forbidden,
            format!("a token of agent \"{agent}\" may never have the scope `{}`", scope.word()),
        )
        .help("give it `read`, `run` or `propose`; people approve")),
        _ => Ok(scopes),
    }
}

fn first_key(journal: &dyn Journal) -> Result<Key, JournalError> {
    let read = || journal.row(Table::Host, KEY_ROW.as_bytes());
    let as_key = |bytes: &[u8]| {
        Key::try_from(bytes).map_err(|_| JournalError::Corrupt {
            place: format!("row {KEY_ROW}"),
            problem: format!("a key has 32 bytes, not {}", bytes.len()),
        })
    };
    if let Some(row) = read()? {
        return as_key(&row.value);
    }
    let mut key = Key::default();
    getrandom::fill(&mut key).map_err(|error| JournalError::Disk(error.to_string()))?;
    let guard = Guard { table: Table::Host, key: KEY_ROW.as_bytes().to_vec(), version: 0 };
    let batch = Batch {
        writes: vec![host_row(KEY_ROW, Some(key.to_vec()))],
        guards: vec![guard],
        ..Batch::default()
    };
    journal.append(batch).map(|_| key)
}

fn tokens(journal: &dyn Journal, wish: &PageWish) -> Result<Paged<TokenView>, JournalError> {
    let prefix = token_key("").into_bytes();
    let after = wish.after.as_deref().map(|id| token_key(id).into_bytes());
    let scan = Scan { prefix: prefix.clone(), after, ..Scan::default() };
    let list = journal::rows_of(journal, Table::Host, scan).filter_map(|row| match row {
        // One bad row never breaks the list: the others must still be seen, and taken back.
        Ok(row) => decode::<TokenRow>(&row.value)
            .inspect_err(|error| tracing::error!(%error, "a token's row is not readable"))
            .ok()
            .map(|row| Ok((row.view.id.clone(), row.view))),
        Err(error) => Some(Err(error)),
    });
    let total = journal::rows(journal, Table::Host, &prefix).try_fold(0, |total, row| row.map(|_| total + 1));
    Paged::of(list, wish.size(), total?)
}

/// Returns whether a text has the form of a token's id.
fn is_id(text: &str) -> bool {
    text.len() == ID_DIGITS && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Deletes the sessions that have lapsed.
fn forget_lapsed(journal: &dyn Journal, now: Stamp) -> Result<(), JournalError> {
    let prefix = session_key("");
    let rows = journal::rows(journal, Table::Host, prefix.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    let is_lapsed =
        |value: &[u8]| serde_json::from_slice::<SessionRow>(value).is_ok_and(|row| !row.holds(now));
    let lapsed = rows.into_iter().filter(|row| is_lapsed(&row.value));
    let writes: Vec<RowWrite> =
        lapsed.map(|row| RowWrite { table: Table::Host, key: row.key, value: None }).collect();
    if writes.is_empty() {
        return Ok(());
    }
    journal.append(Batch { writes, ..Batch::default() }).map(drop)
}

const KEY_ROW: &str = "http/key";

fn session_key(hash: &str) -> String {
    format!("http/session/{hash}")
}

fn token_key(id: &str) -> String {
    format!("http/token/{id}")
}

fn host_row(key: &str, value: Option<Vec<u8>>) -> RowWrite {
    RowWrite { table: Table::Host, key: key.as_bytes().to_vec(), value }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Answered<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        JournalError::Corrupt { place: "rows http/…".to_owned(), problem: error.to_string() }.into()
    })
}

fn random() -> Answered<String> {
    let mut bytes = Key::default();
    getrandom::fill(&mut bytes).map_err(|error| Refusal::bug(format!("no randomness: {error}")))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Answered<T> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| Refusal::bug(error.to_string()))??)
}

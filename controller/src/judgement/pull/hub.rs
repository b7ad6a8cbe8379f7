//! The layout of the Hugging Face hub: `/{repository}/resolve/{revision}/{file}`, gone on with by ranges.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::Path,
    time::Duration,
};

use reqwest::{Client, Response, StatusCode, header::RANGE};
use url::Url;

use super::progress::Progress;
use crate::judgement::{
    catalogue::{self, KnownFile},
    error::Error,
};

/// How long a server is waited for, and how often it is asked again when it breaks off without a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// So many times in a row.
    pub tries: u32,
    /// With such a pause, which doubles.
    pub pause: Duration,
    /// No byte for so long is a break.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { tries: 4, pause: Duration::from_millis(500), silence: Duration::from_secs(30) }
    }
}

/// A repository on a hub.
pub(super) struct Hub {
    base: Url,
    client: Client,
    patience: Patience,
}

impl Hub {
    pub(super) fn open(
        endpoint: &str,
        place: &catalogue::HubPlace,
        patience: Patience,
    ) -> Result<Self, Error> {
        let wrong = || Error::Endpoint(endpoint.to_owned());
        let mut base = Url::parse(endpoint).map_err(|_| wrong())?;
        let mut path = base.path_segments_mut().map_err(|()| wrong())?;
        path.pop_if_empty().extend(place.repository.split('/')).extend(["resolve", &place.revision]);
        drop(path);
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(10).min(patience.silence))
            .read_timeout(patience.silence)
            .user_agent(concat!("adjutant/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = client.map_err(|source| Error::Fetch { url: base.to_string(), source })?;
        Ok(Self { base, client, patience })
    }

    /// Fetches a file into a part, from where the part ends.
    pub(super) async fn fetch(
        &self,
        file: &KnownFile,
        part: &Path,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let (mut tries, mut length) = (0, length_of(part));
        progress.begins(&file.path, length.min(file.is.bytes), file.is.bytes);
        loop {
            let error = match self.attempt(file, part, progress).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let grown = length_of(part);
            tries = if grown > length { 0 } else { tries + 1 };
            length = grown;
            if !is_passing(&error) || tries >= self.patience.tries {
                return Err(error);
            }
            progress.tells(&format!("the connection broke after {grown} bytes of {}: going on", file.path));
            tokio::time::sleep(self.patience.pause * 2_u32.pow(tries)).await;
        }
    }

    async fn attempt(&self, file: &KnownFile, part: &Path, progress: &dyn Progress) -> Result<(), Error> {
        let have = length_of(part);
        if have == file.is.bytes {
            return Ok(());
        }
        let url = self.url(&file.path);
        let failed = |source| Error::Fetch { url: url.to_string(), source };
        let mut request = self.client.get(url.clone());
        if have > 0 && have < file.is.bytes {
            request = request.header(RANGE, format!("bytes={have}-"));
        }
        let mut response = request.send().await.map_err(failed)?;
        let mut target = open(part, &response, have)?;
        let mut length = if response.status() == StatusCode::PARTIAL_CONTENT { have } else { 0 };
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            length += chunk.len() as u64;
            if length > file.is.bytes {
                // What is longer than the file cannot be it; the rest need not come.
                return Err(Error::Length {
                    file: file.path.clone(),
                    expected: file.is.bytes,
                    found: length,
                });
            }
            target.write_all(&chunk).map_err(Error::file("write", part))?;
            progress.came(chunk.len() as u64);
        }
        target.sync_all().map_err(Error::file("write", part))
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path.split('/'));
        }
        url
    }
}

/// Opens a part for what a server sends: at its end where the server goes on, else anew.
fn open(part: &Path, response: &Response, have: u64) -> Result<File, Error> {
    let goes_on = response.status() == StatusCode::PARTIAL_CONTENT && begins_at(response) == Some(have);
    let opened = match response.status() {
        StatusCode::OK => File::create(part),
        StatusCode::PARTIAL_CONTENT if goes_on => OpenOptions::new().append(true).open(part),
        status => {
            return Err(Error::Status { url: response.url().to_string(), status: status.as_u16() });
        }
    };
    opened.map_err(Error::file("write", part))
}

/// Reads where a range begins: `bytes 5-9/10`.
fn begins_at(response: &Response) -> Option<u64> {
    let range = response.headers().get("content-range")?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

fn length_of(part: &Path) -> u64 {
    std::fs::metadata(part).map_or(0, |found| found.len())
}

/// A server that is busy or a line that breaks may do better the next time.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Fetch { .. } => true,
        Error::Status { status, .. } => matches!(status, 408 | 429 | 500..),
        _ => false,
    }
}

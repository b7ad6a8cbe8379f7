//! Clients that hold doors open, or knock without end.

use std::time::Duration;

use adjutant_tests::{Agency, lead};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::siege::{under, works};

/// Opens connections that send a beginning and then nothing.
async fn hold_open(url: &str, count: usize, beginning: &str) -> Vec<TcpStream> {
    let address = url.trim_start_matches("http://");
    let mut held = Vec::new();
    for _ in 0..count {
        // A door that refuses the next one is what the attack is about.
        let Ok(mut stream) = TcpStream::connect(address).await else { break };
        drop(stream.write_all(beginning.as_bytes()).await);
        held.push(stream);
    }
    held
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_keep_neither_the_operator_nor_clients_waiting() {
    let agency = Agency::open().await;
    let one_byte = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{{"
        )
    };
    let beginnings = [
        ("slow bodies to an unknown hook", one_byte("/hooks/nosuch")),
        ("slow bodies to a known hook", one_byte("/hooks/website")),
        ("slow headers", "POST /hooks/website HTTP/1.1\r\nhost: 127.0.0.1\r\nx-".to_owned()),
        ("silence", String::new()),
    ];
    for (name, beginning) in beginnings {
        under(&agency.daemon, name, async {
            let held = hold_open(&agency.daemon.url, 130, &beginning).await;
            works(&agency, &format!("during {name}")).await;
            for verb in ["pause", "resume"] {
                assert_eq!(agency.operator(&[verb, "all"]).await.code, 0, "{verb} during {name}");
            }
            drop(held);
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_unknown_hooks_leaves_room_for_signed_ones() {
    let agency = Agency::open().await;
    under(&agency.daemon, "a flood of unknown hooks", async {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        let url = format!("{}/hooks/nosuch", agency.daemon.url);
        let flood = tokio::spawn(async move {
            for _ in 0..600 {
                drop(client.post(&url).body("{}").send().await);
            }
        });
        for number in 0..20 {
            drop(agency.webhook(&format!("in_the_flood_{number}"), &lead()).await);
        }
        flood.await.unwrap();
    })
    .await;
}

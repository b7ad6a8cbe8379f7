//! One SMTP dialogue: greeting, envelope, message, reply; pipelined commands are answered in order.
//!
//! ```text
//!   connected ──EHLO──► greeted ──(AUTH)──► MAIL ──► RCPT+ ──► DATA ──► message ──► accept or refuse ──► greeted
//! ```

use std::io;

use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, BufWriter,
};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::auth::{self, Login};
use super::command::{Command, Reply};
use super::shared::Smtp;
use crate::entry::{Delivery, Entry, Mail, MailRefusal, now_ms};
use crate::faults::{SmtpFault, Taken};

/// The largest message, announced with SIZE.
const MAX_MESSAGE: usize = 10 * 1024 * 1024;

/// The longest command line: far above RFC 5321's 512, because AUTH responses are long.
const MAX_LINE: u64 = 12 * 1024;

const GREETING: Reply = Reply(220, "adjutant double ESMTP: accepts mail, delivers none");
const OK: Reply = Reply(250, "2.0.0 ok");
const BYE: Reply = Reply(221, "2.0.0 the double says goodbye");
const START: Reply = Reply(354, "end the message with <CRLF>.<CRLF>");
const BAD_SEQUENCE: Reply = Reply(503, "5.5.1 not at this point of the dialogue");
const TOO_LARGE: Reply = Reply(552, "5.3.4 the message is larger than SIZE allows");
const LEDGER_DOWN: Reply = Reply(451, "4.3.0 the double's ledger takes no more entries");

/// What a turn of the dialogue means for the connection.
enum Next {
    Continue,
    Close,
}

/// One connection.
pub(super) struct Session {
    smtp: Smtp,
    lines: BufReader<OwnedReadHalf>,
    replies: BufWriter<OwnedWriteHalf>,
    is_greeted: bool,
    is_authenticated: bool,
    /// Present between MAIL and the end of the message.
    envelope: Option<Envelope>,
}

/// The sender and the recipients accepted so far.
struct Envelope {
    from: String,
    to: Vec<String>,
}

impl Session {
    pub(super) fn new(stream: TcpStream, smtp: Smtp) -> Self {
        let (read, write) = stream.into_split();
        let is_authenticated = smtp.login.is_none();
        let (lines, replies) = (BufReader::new(read), BufWriter::new(write));
        Self { smtp, lines, replies, is_greeted: false, is_authenticated, envelope: None }
    }

    /// Talks until the client quits, leaves, or is cut off by a fault.
    pub(super) async fn run(mut self) -> io::Result<()> {
        self.reply(GREETING).await?;
        self.replies.flush().await?;
        while let Some(line) = self.line().await? {
            let next = match line.and_then(|line| Command::parse(&line)) {
                Ok(command) => self.obey(command).await?,
                Err(reply) => self.say(reply).await?,
            };
            // Replies to a pipelined group leave together.
            if self.lines.buffer().is_empty() || matches!(next, Next::Close) {
                self.replies.flush().await?;
            }
            if matches!(next, Next::Close) {
                return self.replies.shutdown().await;
            }
        }
        Ok(())
    }

    async fn obey(&mut self, command: Command) -> io::Result<Next> {
        match command {
            Command::Hello { is_extended } => self.hello(is_extended).await,
            Command::Mail { from, size } => self.mail(from, size).await,
            Command::Recipient { to } => self.recipient(to).await,
            Command::Data => self.data().await,
            Command::Auth { mechanism, initial } => self.auth(&mechanism, initial).await,
            Command::Reset => {
                self.envelope = None;
                self.say(OK).await
            }
            Command::Noop => self.say(OK).await,
            Command::Verify => self.say(Reply(252, "2.1.5 cannot verify, but will accept")).await,
            Command::Help => self.say(Reply(214, "2.0.0 a double; see RFC 5321")).await,
            Command::Quit => {
                self.reply(BYE).await?;
                Ok(Next::Close)
            }
        }
    }

    async fn hello(&mut self, is_extended: bool) -> io::Result<Next> {
        self.is_greeted = true;
        self.envelope = None;
        if !is_extended {
            return self.say(Reply(250, "adjutant double")).await;
        }
        let text = format!(
            "250-adjutant double\r\n250-SIZE {MAX_MESSAGE}\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
             250-ENHANCEDSTATUSCODES\r\n250-AUTH PLAIN LOGIN\r\n250 HELP\r\n"
        );
        self.replies.write_all(text.as_bytes()).await?;
        Ok(Next::Continue)
    }

    async fn mail(&mut self, from: String, size: Option<usize>) -> io::Result<Next> {
        if !self.is_greeted || self.envelope.is_some() {
            return self.say(BAD_SEQUENCE).await;
        }
        if !self.is_authenticated {
            return self.say(Reply(530, "5.7.0 authentication required")).await;
        }
        if size.is_some_and(|size| size > MAX_MESSAGE) {
            return self.say(TOO_LARGE).await;
        }
        self.envelope = Some(Envelope { from, to: Vec::new() });
        self.say(Reply(250, "2.1.0 sender ok")).await
    }

    async fn recipient(&mut self, to: String) -> io::Result<Next> {
        let Some(envelope) = &mut self.envelope else {
            return self.say(BAD_SEQUENCE).await;
        };
        let Some(taken) = self.smtp.faults.at_recipient(&to) else {
            envelope.to.push(to);
            return self.say(Reply(250, "2.1.5 recipient ok")).await;
        };
        tokio::time::sleep(taken.delay).await;
        let SmtpFault::RejectRecipient { code } = taken.fault else {
            unreachable!("`at_recipient` picks rejections only")
        };
        let reply = self.refuse(vec![to], code);
        self.say(reply).await
    }

    async fn data(&mut self) -> io::Result<Next> {
        let has_recipient = self.envelope.as_ref().is_some_and(|envelope| !envelope.to.is_empty());
        if !has_recipient {
            let reply =
                if self.envelope.is_some() { Reply(554, "5.5.1 no valid recipients") } else { BAD_SEQUENCE };
            return self.say(reply).await;
        }
        self.reply(START).await?;
        self.replies.flush().await?;
        let Some(message) = read_message(&mut self.lines).await? else {
            return Ok(Next::Close);
        };
        let envelope = self.envelope.take().expect("the envelope was there before the message");
        match message {
            Message::Whole(raw) => self.finish(envelope, raw).await,
            Message::TooLarge => {
                self.note(envelope.to, Some(TOO_LARGE.0));
                self.say(TOO_LARGE).await
            }
        }
    }

    /// Accepts or refuses a whole message, as the script says.
    async fn finish(&mut self, envelope: Envelope, raw: Vec<u8>) -> io::Result<Next> {
        let taken = self.smtp.faults.at_message(&envelope.to);
        let Some(Taken { fault, delay }) = taken else {
            return self.accept(envelope, raw, None).await;
        };
        match fault {
            SmtpFault::RejectMessage { code } => {
                tokio::time::sleep(delay).await;
                let reply = self.refuse(envelope.to, code);
                self.say(reply).await
            }
            SmtpFault::DropBeforeAccept => {
                tokio::time::sleep(delay).await;
                self.note(envelope.to, None);
                Ok(Next::Close)
            }
            SmtpFault::DropAfterAccept | SmtpFault::DropAfterAnswer | SmtpFault::Delay => {
                self.accept(envelope, raw, taken).await
            }
            SmtpFault::RejectRecipient { .. } => unreachable!("`at_message` leaves these to `at_recipient`"),
        }
    }

    async fn accept(
        &mut self,
        envelope: Envelope,
        raw: Vec<u8>,
        taken: Option<Taken<SmtpFault>>,
    ) -> io::Result<Next> {
        let is_answered = taken.is_none_or(|taken| taken.fault != SmtpFault::DropAfterAccept);
        let delivery = Delivery { envelope_from: envelope.from, envelope_to: envelope.to, raw, is_answered };
        let recorded = self
            .smtp
            .ledger
            .decide(|books| Entry::Mail(Mail::accepted(books.mails.len() as u64 + 1, delivery)));
        if let Err(error) = recorded {
            tracing::error!(%error, "ledger failed");
            return self.say(LEDGER_DOWN).await;
        }
        let Some(Taken { fault, delay }) = taken else {
            return self.say(Reply(250, "2.0.0 accepted by the double")).await;
        };
        tokio::time::sleep(delay).await;
        if is_answered {
            self.reply(Reply(250, "2.0.0 accepted by the double")).await?;
        }
        Ok(if fault == SmtpFault::Delay { Next::Continue } else { Next::Close })
    }

    async fn auth(&mut self, mechanism: &str, initial: Option<String>) -> io::Result<Next> {
        if !self.is_greeted || self.envelope.is_some() {
            return self.say(BAD_SEQUENCE).await;
        }
        let login = match mechanism {
            "PLAIN" => self.answer("334 \r\n", initial).await?.and_then(|response| auth::plain(&response)),
            "LOGIN" => self.login(initial).await?,
            _ => return self.say(Reply(504, "5.5.4 PLAIN or LOGIN")).await,
        };
        let Some(login) = login else {
            return self.say(Reply(501, "5.5.2 the response cannot be read")).await;
        };
        if !Login::admits(self.smtp.login.as_ref(), &login) {
            return self.say(Reply(535, "5.7.8 the double does not know this login")).await;
        }
        self.is_authenticated = true;
        self.say(Reply(235, "2.7.0 authenticated")).await
    }

    async fn login(&mut self, initial: Option<String>) -> io::Result<Option<Login>> {
        // "Username:" and "Password:" in base64, as every client expects them.
        let user = self.answer("334 VXNlcm5hbWU6\r\n", initial).await?;
        let password = self.answer("334 UGFzc3dvcmQ6\r\n", None).await?;
        let read = |response: Option<String>| response.as_deref().and_then(auth::text);
        Ok(read(user).zip(read(password)).map(|(user, password)| Login { user, password }))
    }

    /// Takes the response the client already gave, or asks for it.
    async fn answer(&mut self, challenge: &str, given: Option<String>) -> io::Result<Option<String>> {
        if given.is_some() {
            return Ok(given);
        }
        self.replies.write_all(challenge.as_bytes()).await?;
        self.replies.flush().await?;
        Ok(self.line().await?.and_then(Result::ok))
    }

    /// Notes a scripted refusal and returns its reply.
    fn refuse(&self, to: Vec<String>, code: u16) -> Reply {
        self.note(to, Some(code));
        match code {
            400..500 => Reply(code, "4.2.0 refused for now by a scripted fault"),
            _ => Reply(code, "5.1.1 refused by a scripted fault"),
        }
    }

    fn note(&self, envelope_to: Vec<String>, code: Option<u16>) {
        let refusal = MailRefusal { at_ms: now_ms(), envelope_to, code };
        if let Err(error) = self.smtp.ledger.decide(|_| Entry::MailRefused(refusal)) {
            tracing::error!(%error, "ledger failed");
        }
    }

    async fn say(&mut self, reply: Reply) -> io::Result<Next> {
        self.reply(reply).await?;
        Ok(Next::Continue)
    }

    async fn reply(&mut self, Reply(code, text): Reply) -> io::Result<()> {
        self.replies.write_all(format!("{code} {text}\r\n").as_bytes()).await
    }

    /// Reads one command line; `None` is the end of the connection.
    async fn line(&mut self) -> io::Result<Option<Result<String, Reply>>> {
        let mut line = Vec::new();
        (&mut self.lines).take(MAX_LINE).read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Ok(None);
        }
        if !line.ends_with(b"\n") {
            let is_long = line.len() as u64 == MAX_LINE;
            return if is_long { Err(io::Error::other("command line too long")) } else { Ok(None) };
        }
        let text = String::from_utf8(line).map_err(|_| Reply(500, "5.5.2 the line is not UTF-8"));
        Ok(Some(text.map(|text| text.trim_end_matches(['\r', '\n']).to_owned())))
    }
}

/// What came between DATA and the final dot.
enum Message {
    Whole(Vec<u8>),
    TooLarge,
}

/// Reads up to `CRLF . CRLF` and unstuffs dots; `None` is the end of the connection, with nothing accepted.
///
/// A bare LF ends no line: a dot after one is content, or two mails could be smuggled in as one.
async fn read_message(lines: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Message>> {
    let mut message = Vec::new();
    let mut is_line_start = true;
    let mut is_too_large = false;
    loop {
        let mut line = Vec::new();
        lines.take(MAX_MESSAGE as u64).read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Ok(None);
        }
        if is_line_start && line == b".\r\n" {
            return Ok(Some(if is_too_large { Message::TooLarge } else { Message::Whole(message) }));
        }
        let is_stuffed = is_line_start && line.starts_with(b".");
        is_line_start = line.ends_with(b"\r\n");
        message.extend_from_slice(&line[usize::from(is_stuffed)..]);
        if message.len() > MAX_MESSAGE {
            is_too_large = true;
            message.clear();
        }
    }
}

//! The outside's DNS server: answers from the zone, over UDP and TCP.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::{accept_each, read_framed, write_framed};
use crate::zone::{self, Data, Entry};

const IDLE: Duration = Duration::from_secs(30);
/// The largest UDP answer, whatever the client offers: no fragment leaves the lab's DNS.
const UDP_LIMIT: u16 = 1232;

/// Serves UDP on one address: a wildcard socket would answer from another one.
pub(super) async fn bind_udp(address: SocketAddr) -> io::Result<()> {
    let socket = UdpSocket::bind(address).await?;
    tokio::spawn(async move {
        let zone = zone::entries();
        let mut buffer = vec![0; 4096];
        loop {
            // An error is the ICMP answer to an earlier datagram: its sender has gone.
            let Ok((length, peer)) = socket.recv_from(&mut buffer).await else {
                continue;
            };
            if let Some(answer) = respond(&zone, &buffer[..length], Transport::Udp) {
                drop(socket.send_to(&answer, peer).await);
            }
        }
    });
    Ok(())
}

pub(super) fn serve_tcp(listener: TcpListener) {
    accept_each(listener, |stream, _| async {
        // A reset ends this connection only.
        drop(serve_stream(stream).await);
    });
}

async fn serve_stream(mut stream: TcpStream) -> io::Result<()> {
    let zone = zone::entries();
    while let Some(query) = timeout(IDLE, read_framed(&mut stream)).await?? {
        if let Some(answer) = respond(&zone, &query, Transport::Tcp) {
            write_framed(&mut stream, &answer).await?;
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
}

/// The bytes that answer a query; `None` when it is not one.
fn respond(zone: &[Entry], query: &[u8], transport: Transport) -> Option<Vec<u8>> {
    let request = Message::from_vec(query).ok()?;
    if request.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut response = answer(zone, &request).ok()?;
    let bytes = response.to_vec().ok()?;
    let limit = request.max_payload().min(UDP_LIMIT);
    if transport == Transport::Tcp || bytes.len() <= usize::from(limit) {
        return Some(bytes);
    }
    response = response.truncate();
    response.to_vec().ok()
}

fn answer(zone: &[Entry], request: &Message) -> Result<Message> {
    let mut response = Message::response(request.metadata.id, request.metadata.op_code);
    response.metadata = Metadata::response_from_request(&request.metadata);
    response.metadata.recursion_available = true;
    response.add_queries(request.queries.iter().cloned());
    if request.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_LIMIT);
        response.set_edns(edns);
    }
    let [query] = request.queries.as_slice() else {
        response.metadata.response_code = ResponseCode::FormErr;
        return Ok(response);
    };
    if request.metadata.op_code != OpCode::Query || query.query_class() != DNSClass::IN {
        response.metadata.response_code = ResponseCode::NotImp;
        return Ok(response);
    }
    let Some(chain) = zone::lookup(zone, &query.name().to_ascii()) else {
        response.metadata.response_code = ResponseCode::NXDomain;
        return Ok(response);
    };
    // The first owner is spelled as it was asked for, the way resolvers do.
    let mut owner = query.name().clone();
    for (position, entry) in chain.into_iter().enumerate() {
        if position > 0 || entry.spelled.is_some() {
            owner = absolute(entry.spelled.unwrap_or(entry.name))?;
        }
        match &entry.data {
            Data::Addresses(addresses) if query.query_type() == RecordType::A => {
                let records =
                    addresses.iter().map(|&address| Record::from_rdata(owner.clone(), entry.ttl, RData::A(A(address))));
                response.add_answers(records);
            }
            Data::Alias(target) => {
                let target = RData::CNAME(CNAME(absolute(target)?));
                response.add_answer(Record::from_rdata(owner.clone(), entry.ttl, target));
            }
            Data::Addresses(_) | Data::Nothing => {}
        }
    }
    Ok(response)
}

fn absolute(name: &str) -> Result<Name> {
    Name::from_ascii(format!("{name}.")).with_context(|| format!("{name} is not a DNS name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::Query;

    fn ask(name: &str, kind: RecordType, transport: Transport) -> Message {
        let mut query = Message::query();
        query.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        let bytes = respond(&zone::entries(), &query.to_vec().unwrap(), transport).unwrap();
        let response = Message::from_vec(&bytes).unwrap();
        assert_eq!(response.metadata.id, query.metadata.id);
        response
    }

    fn names(response: &Message) -> Vec<String> {
        response.answers.iter().map(|record| record.name.to_ascii()).collect()
    }

    #[test]
    fn a_chain_comes_in_order_with_the_question_spelled_as_asked() {
        let response = ask("Shop.Example.com.", RecordType::A, Transport::Udp);
        assert_eq!(names(&response), ["Shop.Example.com.", "shop.cdn.example.net.", "edge-7.cdn.example.net."]);
        assert_eq!(response.answers[2].ttl, 30);
    }

    #[test]
    fn an_oddly_spelled_owner_keeps_its_case_in_the_answer() {
        let response = ask("cased.example.net.", RecordType::A, Transport::Udp);
        assert_eq!(names(&response), ["CaSeD.ExAmPlE.nEt."]);
    }

    #[test]
    fn a_name_that_is_not_there_and_one_without_addresses_differ() {
        let missing = ask("missing.example.com.", RecordType::A, Transport::Udp);
        assert_eq!(missing.metadata.response_code, ResponseCode::NXDomain);
        let empty = ask("empty.example.com.", RecordType::A, Transport::Udp);
        assert_eq!(empty.metadata.response_code, ResponseCode::NoError);
        assert!(empty.answers.is_empty());
        let quad = ask("ifconfig.me.", RecordType::AAAA, Transport::Udp);
        assert_eq!(quad.metadata.response_code, ResponseCode::NoError);
        assert!(quad.answers.is_empty());
    }

    #[test]
    fn thirty_addresses_fit_a_plain_datagram_and_sixty_need_tcp() {
        let many = ask("many.cdn.test.", RecordType::A, Transport::Udp);
        assert_eq!((many.answers.len(), many.metadata.truncation), (30, false));
        let huge = ask("huge.cdn.test.", RecordType::A, Transport::Udp);
        assert_eq!((huge.answers.len(), huge.metadata.truncation), (0, true));
        let whole = ask("huge.cdn.test.", RecordType::A, Transport::Tcp);
        assert_eq!((whole.answers.len(), whole.metadata.truncation), (60, false));
    }
}

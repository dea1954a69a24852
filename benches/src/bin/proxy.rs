//! The plain proxy that the load bench measures Toolgate against: `proxy --to HOST:PORT`. hyper on both sides, one
//! event loop per core, connections to the upstream kept; bodies pass as they come. It looks at nothing and checks nothing.

use std::{cell::RefCell, rc::Rc};

use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
    header::{CONNECTION, HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::spawn_local};
use toolgate_benches::serve::{self, Failure};

/// One event loop's connections to the upstream that nobody uses now.
struct Pool {
    to: String,
    host: HeaderValue,
    idle: RefCell<Vec<SendRequest<Incoming>>>,
}

impl Pool {
    async fn connection(&self) -> Result<SendRequest<Incoming>, Failure> {
        while let Some(sender) = self.idle.borrow_mut().pop() {
            if sender.is_ready() {
                return Ok(sender);
            }
        }
        let stream = TcpStream::connect(&self.to).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        spawn_local(async move { drop(connection.await) });
        Ok(sender)
    }
}

async fn forward(pool: Rc<Pool>, mut request: Request<Incoming>) -> Result<Response<Incoming>, Failure> {
    let mut sender = pool.connection().await?;
    request.headers_mut().remove(CONNECTION);
    request.headers_mut().insert(HOST, pool.host.clone());
    let response = sender.send_request(request).await?;
    // It is ready again when the answer's body has passed.
    spawn_local(async move {
        if sender.ready().await.is_ok() {
            pool.idle.borrow_mut().push(sender);
        }
    });
    Ok(response)
}

fn main() -> Result<(), Failure> {
    let mut args = lexopt::Parser::from_env();
    let mut to = String::new();
    while let Some(arg) = args.next()? {
        match arg {
            lexopt::Arg::Long("to") => to = args.value()?.to_string_lossy().into_owned(),
            other => return Err(other.unexpected().into()),
        }
    }
    let host = HeaderValue::from_str(&to)?;
    serve::on_all_cores(move || {
        let pool = Rc::new(Pool { to: to.clone(), host: host.clone(), idle: RefCell::default() });
        move |request| forward(pool.clone(), request)
    })
}

use std::io::Read;
use toolgate_codemode::*;
fn main(){ let mut s=String::new(); std::io::stdin().read_to_string(&mut s).unwrap();
 let d=match std::env::args().nth(1).as_deref(){Some("full")=>Detail::Full,_=>Detail::Signature};
 let v:serde_json::Value=serde_json::from_str(&s).unwrap();
 for t in v["tools"].as_array().unwrap(){ let d=declare(t,t["name"].as_str().unwrap(),None,d,""); for (n,x) in d.types{println!("type {n} = {x}");} println!("{}",d.function);} }

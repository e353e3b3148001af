//! Bytes to text: unpacks gzip, removes byte order marks, and turns UTF-16 into UTF-8.

use std::io::{self, BufRead, BufReader, Read};

use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::bufread::MultiGzDecoder;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const UNPACK_BUFFER: usize = 64 * 1024;

/// The text of `input`. Text without a byte order mark is passed on unchanged; `PowerShell` redirects write UTF-16 with one.
pub(super) fn text<'r>(input: impl Read + 'r) -> io::Result<Box<dyn Read + 'r>> {
    let mut input = input;
    // The first piece from a pipe may be a single byte.
    let mut beginning = Vec::with_capacity(GZIP.len());
    (&mut input).take(2).read_to_end(&mut beginning)?;
    let is_gzip = beginning == GZIP;
    // Text with a mark begins with a byte that no other text begins with.
    let is_marked = matches!(beginning.first(), Some(0xef | 0xfe | 0xff));
    let input = io::Cursor::new(beginning).chain(input);
    Ok(if is_gzip {
        decoded(Unpacked(MultiGzDecoder::new(BufReader::with_capacity(UNPACK_BUFFER, input))))
    } else if is_marked {
        decoded(input)
    } else {
        Box::new(input)
    })
}

fn decoded<'r>(bytes: impl Read + 'r) -> Box<dyn Read + 'r> {
    Box::new(DecodeReaderBytesBuilder::new().utf8_passthru(true).strip_bom(true).build(bytes))
}

/// A gzip decoder whose errors name gzip.
struct Unpacked<R>(MultiGzDecoder<R>);

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                io::Error::new(error.kind(), "the gzip data ends early: copy or download the file again")
            }
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => io::Error::new(
                error.kind(),
                format!("the gzip data is damaged ({error}): copy or download the file again"),
            ),
            _ => error,
        })
    }
}

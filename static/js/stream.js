// An event stream that does not give up. A browser comes back by itself after a broken connection, but ends the stream
// for good when the answer is an error, such as that of a proxy while the server or its database starts again.

const FIRST_PAUSE = 2000; // ms, as the server asks for after a broken connection
const LONGEST_PAUSE = 30000;
const SPREAD = 500; // so that all open pages do not come back in the same moment

// address(): where the stream goes on; handlers: event name -> function; lost: shown while there is no connection.
export function follow(address, handlers, lost) {
  let source;
  let timer;
  let pause = FIRST_PAUSE;

  function open() {
    source = new EventSource(address());
    source.addEventListener("open", () => {
      lost.hidden = true;
      pause = FIRST_PAUSE;
    });
    source.addEventListener("error", () => {
      lost.hidden = false;
      if (source.readyState === EventSource.CLOSED) {
        timer = setTimeout(open, pause + Math.random() * SPREAD);
        pause = Math.min(2 * pause, LONGEST_PAUSE);
      }
    });
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, handle);
    }
  }

  function close() {
    clearTimeout(timer);
    source.close();
  }

  open();
  // A page that the browser keeps for its back button must not hold a connection; shown again it is read anew.
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      location.reload();
    }
  });
  return close;
}

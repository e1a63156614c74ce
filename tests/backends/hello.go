// A FastCGI application on Go's net/http/fcgi, which multiplexes requests on a connection. It
// answers with what it was asked, or does what the path says: /slow waits, /big sends MiB, /echo
// returns the body.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
	"strconv"
	"time"
)

func serve(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/slow":
		milliseconds, _ := strconv.Atoi(r.URL.Query().Get("ms"))
		time.Sleep(time.Duration(milliseconds) * time.Millisecond)
		fmt.Fprint(w, "slow")
	case "/big":
		mebibytes, _ := strconv.Atoi(r.URL.Query().Get("mib"))
		piece := make([]byte, 1<<20)
		for i := range piece {
			piece[i] = byte('a' + i%26)
		}
		for i := 0; i < mebibytes; i++ {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	case "/echo":
		w.Header().Set("X-Length", strconv.FormatInt(r.ContentLength, 10))
		io.Copy(w, r.Body)
	default:
		fmt.Fprintf(w, "%s %s host=%s remote=%s query=%s", r.Method, r.URL.Path, r.Host,
			r.RemoteAddr, r.URL.RawQuery)
	}
}

func main() {
	network, address := "tcp", os.Args[1]
	if address[0] == '/' {
		network = "unix"
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(fcgi.Serve(listener, http.HandlerFunc(serve)))
}

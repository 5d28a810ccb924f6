package lab

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"time"
)

// httpdMain is a tiny web server: every request is answered with the node's
// name. It listens on all addresses, as a server in front of which a service
// address moves does. Argument: the port.
func httpdMain(args []string) error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp4", "0.0.0.0:"+args[0])
	if err != nil {
		return err
	}
	fmt.Println("listening")
	answer := fmt.Sprintf("HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s\n", len(name)+1, name)
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(2 * time.Second))
			in := bufio.NewReader(c)
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == "\r\n" || line == "\n" {
					_, _ = c.Write([]byte(answer))
					return
				}
			}
		}()
	}
}

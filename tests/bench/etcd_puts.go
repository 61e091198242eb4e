// etcd_puts measures how many puts a second an etcd cluster makes durable.
//
// Each of CONCURRENCY goroutines puts one value after the other, so that many
// puts are in flight. All go to the leader, which saves etcd the hop from a
// follower to it.
//
//	build: make tests/bench/etcd_puts, with what "contrib/packages etcd" installs
//	usage: etcd_puts ENDPOINTS CONCURRENCY SECONDS VALUE_SIZE [CONNECTIONS]
//	   ENDPOINTS    host:port,host:port,...
//	   VALUE_SIZE   bytes
//	   CONNECTIONS  gRPC connections that the goroutines share; default 8
//	output: one CSV line
//	   puts_per_s,p50_us,p99_us
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/clientv3"
)

const (
	dialTimeout        = 3 * time.Second
	putTimeout         = 10 * time.Second
	warmUp             = 400 * time.Millisecond
	keys               = 10000 // values overwrite one another
	defaultConnections = 8
)

type options struct {
	endpoints   []string
	concurrency int
	duration    time.Duration
	valueSize   int
	connections int
}

var errUsage = errors.New(
	"usage: etcd_puts ENDPOINTS CONCURRENCY SECONDS VALUE_SIZE [CONNECTIONS]")

func parseOptions(args []string) (o options, err error) {
	if len(args) < 4 || len(args) > 5 {
		return o, errUsage
	}
	o.endpoints = strings.Split(args[0], ",")
	o.connections = defaultConnections
	seconds, err := strconv.ParseFloat(args[2], 64)
	if err != nil || seconds <= 0 {
		return o, errUsage
	}
	o.duration = time.Duration(seconds * float64(time.Second))
	if o.concurrency, err = strconv.Atoi(args[1]); err != nil || o.concurrency < 1 {
		return o, errUsage
	}
	if o.valueSize, err = strconv.Atoi(args[3]); err != nil || o.valueSize < 0 {
		return o, errUsage
	}
	if len(args) == 5 {
		if o.connections, err = strconv.Atoi(args[4]); err != nil || o.connections < 1 {
			return o, errUsage
		}
	}
	if o.connections > o.concurrency {
		o.connections = o.concurrency
	}
	return o, nil
}

// leaderOf returns the endpoint of the cluster's leader.
func leaderOf(endpoints []string) (string, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: dialTimeout})
	if err != nil {
		return "", err
	}
	defer client.Close()
	for _, endpoint := range endpoints {
		ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
		status, err := client.Status(ctx, endpoint)
		cancel()
		if err == nil && status.Leader == status.Header.MemberId {
			return endpoint, nil
		}
	}
	return "", errors.New("none of the endpoints is the leader")
}

func connect(endpoint string, connections int) ([]*clientv3.Client, error) {
	clients := make([]*clientv3.Client, connections)
	for i := range clients {
		client, err := clientv3.New(clientv3.Config{
			Endpoints:   []string{endpoint},
			DialTimeout: dialTimeout,
		})
		if err != nil {
			return nil, err
		}
		clients[i] = client
	}
	return clients, nil
}

func put(client *clientv3.Client, key, value string) error {
	ctx, cancel := context.WithTimeout(context.Background(), putTimeout)
	defer cancel()
	_, err := client.Put(ctx, key, value)
	return err
}

// putUntil puts values one after the other until end; returns the latency of each.
func putUntil(end time.Time, client *clientv3.Client, value string, seed int64) ([]time.Duration, error) {
	var latencies []time.Duration
	random := rand.New(rand.NewSource(seed))
	for begin := time.Now(); begin.Before(end); begin = time.Now() {
		if err := put(client, fmt.Sprintf("k%08d", random.Intn(keys)), value); err != nil {
			return nil, err
		}
		latencies = append(latencies, time.Since(begin))
	}
	return latencies, nil
}

// load keeps o.concurrency puts in flight for a while; returns the latencies
// of all, sorted, and the time until the last was over.
func load(clients []*clientv3.Client, o options, duration time.Duration) ([]time.Duration, time.Duration, error) {
	latencies := make([][]time.Duration, o.concurrency)
	errs := make([]error, o.concurrency)
	value := strings.Repeat("v", o.valueSize)
	begin := time.Now()
	var running sync.WaitGroup
	for i := range latencies {
		running.Add(1)
		go func(i int) {
			defer running.Done()
			latencies[i], errs[i] = putUntil(begin.Add(duration), clients[i%len(clients)], value, int64(i))
		}(i)
	}
	running.Wait()
	elapsed := time.Since(begin)

	var all []time.Duration
	for i := range latencies {
		if errs[i] != nil {
			return nil, 0, errs[i]
		}
		all = append(all, latencies[i]...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	return all, elapsed, nil
}

func run() error {
	o, err := parseOptions(os.Args[1:])
	if err != nil {
		return err
	}
	leader, err := leaderOf(o.endpoints)
	if err != nil {
		return err
	}
	clients, err := connect(leader, o.connections)
	if err != nil {
		return err
	}
	if _, _, err = load(clients, o, warmUp); err != nil {
		return err
	}
	latencies, elapsed, err := load(clients, o, o.duration)
	if err != nil {
		return err
	}
	n := len(latencies)
	fmt.Printf("%.0f,%d,%d\n", float64(n)/elapsed.Seconds(),
		latencies[n/2].Microseconds(), latencies[n*99/100].Microseconds())
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "etcd_puts:", err)
		os.Exit(1)
	}
}

// The engine of Centrifugo behind a change stream: engine URI SECRET. Prints its port.
package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/centrifugal/centrifuge"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

type message struct {
	ID       string          `bson:"_id" json:"id"`
	ClientID string          `bson:"clientId" json:"clientId"`
	Conv     string          `bson:"conv" json:"conv"`
	Seq      int64           `bson:"seq" json:"seq"`
	From     string          `bson:"from" json:"from"`
	To       bson.M          `bson:"to" json:"to"`
	At       time.Time       `bson:"at" json:"at"`
	Type     string          `bson:"type" json:"type"`
	Body     string          `bson:"body" json:"-"`
	JSON     json.RawMessage `bson:"-" json:"body"`
}

func main() {
	uri, secret := os.Args[1], []byte(os.Args[2])
	node, err := centrifuge.New(centrifuge.Config{LogLevel: centrifuge.LogLevelNone})
	check(err)
	recoverable := centrifuge.SubscribeOptions{EnableRecovery: true}
	node.OnConnecting(func(_ context.Context, e centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		user, err := userOf(e.Token, secret)
		if err != nil {
			return centrifuge.ConnectReply{}, centrifuge.DisconnectInvalidToken
		}
		return centrifuge.ConnectReply{
			Credentials:   &centrifuge.Credentials{UserID: user},
			Subscriptions: map[string]centrifuge.SubscribeOptions{"#" + user: recoverable, "everyone": recoverable},
		}, nil
	})
	check(node.Run())
	go follow(uri, node)
	http.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	check(http.Serve(listener, nil))
}

func follow(uri string, node *centrifuge.Node) {
	background := context.Background()
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	check(err)
	inserts := mongo.Pipeline{{{Key: "$match", Value: bson.M{"operationType": "insert"}}}}
	stream, err := client.Database("shop_messages").Collection("engine_messages").Watch(background, inserts)
	check(err)
	for stream.Next(background) {
		var change struct {
			Message message `bson:"fullDocument"`
		}
		check(stream.Decode(&change))
		change.Message.JSON = json.RawMessage(change.Message.Body)
		data, err := json.Marshal(change.Message)
		check(err)
		_, err = node.Publish("everyone", data, centrifuge.WithHistory(300, 2*time.Minute))
		check(err)
	}
	check(stream.Err())
}

// HS256 only, without the checks of a library.
func userOf(token string, secret []byte) (string, error) {
	dot := strings.LastIndexByte(token, '.')
	if dot < 0 {
		return "", errors.New("not a token")
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(token[:dot]))
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil || !hmac.Equal(signature, mac.Sum(nil)) {
		return "", errors.New("not signed by us")
	}
	claims, err := base64.RawURLEncoding.DecodeString(token[strings.IndexByte(token, '.')+1 : dot])
	if err != nil {
		return "", err
	}
	var fields struct {
		Sub string `json:"sub"`
	}
	return fields.Sub, json.Unmarshal(claims, &fields)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

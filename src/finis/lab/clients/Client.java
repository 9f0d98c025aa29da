import java.io.*;
import java.net.*;
import java.net.http.*;
import java.nio.file.*;
import java.security.cert.X509Certificate;
import java.util.*;
import javax.net.ssl.*;

/** A TLS client of Java: Client.java MANNER SITUATION ADDRESS PORT,PORT TIMES.
 *
 * MANNER: socket (SSLSocket), url (HttpsURLConnection with its cache of connections), http
 * (java.net.http.HttpClient). Whatever is open at the end ends with the process. */
public class Client {
    static final byte[] BODY = new byte[400_000];
    static SSLContext context;

    public static void main(String[] given) throws Exception {
        System.setProperty("jdk.internal.httpclient.disableHostnameVerification", "true");
        TrustManager[] all = {new X509ExtendedTrustManager() {
            public void checkClientTrusted(X509Certificate[] c, String a) {}
            public void checkServerTrusted(X509Certificate[] c, String a) {}
            public void checkClientTrusted(X509Certificate[] c, String a, Socket s) {}
            public void checkServerTrusted(X509Certificate[] c, String a, Socket s) {}
            public void checkClientTrusted(X509Certificate[] c, String a, SSLEngine e) {}
            public void checkServerTrusted(X509Certificate[] c, String a, SSLEngine e) {}
            public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
        }};
        context = SSLContext.getInstance("TLS");
        context.init(null, all, null);
        HttpsURLConnection.setDefaultSSLSocketFactory(context.getSocketFactory());
        HttpsURLConnection.setDefaultHostnameVerifier((h, s) -> true);
        List<Thread> threads = new ArrayList<>();
        for (String port : given[3].split(","))
            for (int i = 0; i < Integer.parseInt(given[4]); i++) {
                Thread thread = new Thread(() -> {
                    try {
                        play(given[0], given[1], given[2], Integer.parseInt(port));
                    } catch (Exception error) {
                        System.out.println("- " + error);
                    }
                });
                thread.start();
                threads.add(thread);
                Thread.sleep(30);
            }
        for (Thread thread : threads) thread.join();
        if (given[0].equals("url") && given[1].equals("server-expires")) Thread.sleep(5000);
        System.exit(0);
    }

    static void play(String manner, String situation, String host, int port) throws Exception {
        switch (manner) {
            case "socket" -> socket(situation, host, port);
            case "url" -> url(situation, new URL("https", host, port, path(situation)));
            default -> http(situation, new URI("https://" + host + ":" + port + path(situation)));
        }
    }

    static String path(String situation) {
        return switch (situation) {
            case "abandoned" -> "/big";
            case "connection-close" -> "/close";
            default -> situation.startsWith("refused-body") ? "/deny" : "/";
        };
    }

    static void socket(String situation, String host, int port) throws Exception {
        SSLSocket tls = (SSLSocket) context.getSocketFactory().createSocket(host, port);
        String told = "-";
        tls.startHandshake();
        OutputStream out = tls.getOutputStream();
        InputStream in = tls.getInputStream();
        String get = "GET " + path(situation) + " HTTP/1.1\r\nHost: lab\r\n";
        if (situation.equals("half-close")) get = "GET /slow HTTP/1.1\r\nHost: lab\r\n";
        switch (situation) {
            case "no-request" -> {}
            case "write-only" -> {
                Thread.sleep(300);
                out.write(get.getBytes());
                Thread.sleep(200);
            }
            case "abandoned" -> {
                out.write((get + "\r\n").getBytes());
                in.readNBytes(16384);
                Thread.sleep(200);
            }
            case "half-close" -> {
                out.write((get + "\r\n").getBytes());
                try {
                    tls.shutdownOutput();
                    int size = in.readAllBytes().length;
                    told = size > 10_000 ? "whole response 200" : "cut, " + size + " bytes";
                } catch (IOException error) {
                    told = "" + error;
                }
            }
            case "refused-body", "refused-body-hard" -> {
                out.write(("POST /deny HTTP/1.1\r\nHost: lab\r\nContent-Length: 400000\r\n\r\n").getBytes());
                told = "";
                try {
                    for (int at = 0; at < 400_000; at += 40_000) {
                        out.write(BODY, at, 40_000);
                        Thread.sleep(20);
                    }
                } catch (IOException error) {
                    told = error + " while sending, ";
                }
                told += response(in);
            }
            default -> {
                out.write((get + "\r\n").getBytes());
                told = response(in);
                if (situation.equals("server-expires")) Thread.sleep(2500);
                if (situation.equals("server-expires-read")) while (in.read() >= 0) {}
            }
        }
        int local = tls.getLocalPort();
        tls.close();
        System.out.println(local + " " + told);
    }

    static String response(InputStream in) {
        try {
            StringBuilder head = new StringBuilder();
            while (head.indexOf("\r\n\r\n") < 0) {
                int c = in.read();
                if (c < 0) return "cut in its head";
                head.append((char) c);
            }
            String text = head.toString().toLowerCase();
            if (!text.contains("content-length:")) { // Apache names none for an error of its own
                while (head.indexOf("</html>") < 0) {
                    int c = in.read();
                    if (c < 0) return "cut";
                    head.append((char) c);
                }
                return "whole response " + text.split(" ")[1];
            }
            int wanted = Integer.parseInt(text.split("content-length: *")[1].split("\r")[0]);
            int size = in.readNBytes(wanted).length;
            return size == wanted ? "whole response " + text.split(" ")[1] : "cut";
        } catch (IOException error) {
            return "" + error;
        }
    }

    static void url(String situation, URL url) throws Exception {
        HttpsURLConnection one = (HttpsURLConnection) url.openConnection();
        if (situation.startsWith("refused-body")) {
            one.setDoOutput(true);
            one.setFixedLengthStreamingMode(BODY.length);
            try {
                one.getOutputStream().write(BODY);
            } catch (IOException error) {
                System.out.println("- " + error);
            }
        }
        int status = one.getResponseCode();
        InputStream in = status < 400 ? one.getInputStream() : one.getErrorStream();
        if (situation.equals("abandoned")) {
            in.readNBytes(16384);
            Thread.sleep(200);
            one.disconnect();
        } else {
            in.readAllBytes();
            in.close();
        }
        System.out.println("- whole response " + status);
    }

    static void http(String situation, URI uri) throws Exception {
        HttpClient client = HttpClient.newBuilder().sslContext(context)
            .version(HttpClient.Version.HTTP_1_1).build();
        HttpRequest.Builder request = HttpRequest.newBuilder(uri);
        if (situation.startsWith("refused-body"))
            request.POST(HttpRequest.BodyPublishers.ofByteArray(BODY));
        HttpResponse<InputStream> got =
            client.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
        if (situation.equals("abandoned")) {
            got.body().readNBytes(16384);
            Thread.sleep(200);
            got.body().close();
            Thread.sleep(200);
        } else {
            got.body().readAllBytes();
            if (situation.equals("server-expires")) Thread.sleep(2500);
        }
        System.out.println("- whole response " + got.statusCode());
        if (situation.equals("killed")) Runtime.getRuntime().halt(0);
    }
}

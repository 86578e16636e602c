/** What tests/targets/recordings/shop.jfr.gz is a recording of: a thread that computes and allocates, one that waits for a lock, one in a call. */
import java.net.ServerSocket;
import java.util.concurrent.locks.LockSupport;

public class Shop {
    static final Object LOCK = new Object();
    static volatile double sink;

    static double price(int items) {
        double sum = 0;
        for (int item = 1; item < items; item++) sum += Math.sin(item) * Math.sqrt(item);
        return sum;
    }

    static void basket() {
        sink += new byte[8_000_000].length;
    }

    static void checkout() {
        synchronized (LOCK) {
            long end = System.nanoTime() + 20_000_000;
            while (System.nanoTime() < end) LockSupport.parkNanos(5_000_000);
        }
    }

    static void listen() {
        try (ServerSocket server = new ServerSocket(0)) {
            server.setSoTimeout(1_500);
            server.accept();
        } catch (java.io.IOException ended) {
            sink += 1;
        }
    }

    public static void main(String[] arguments) throws InterruptedException {
        long end = System.currentTimeMillis() + 1_500;
        Runnable customer = () -> { while (System.currentTimeMillis() < end) checkout(); };
        Thread[] threads = {new Thread(customer, "customer-1"), new Thread(customer, "customer-2"), new Thread(Shop::listen, "door")};
        for (Thread thread : threads) thread.start();
        while (System.currentTimeMillis() < end) {
            sink += price(200_000);
            basket();
        }
        for (Thread thread : threads) thread.join();
    }
}

import org.mammogate.viewer.GatewayAddress;

/** Prints the origin of an address as the app will read it; fails for what the app would not take. */
public final class ReadAddress {
    public static void main(String[] arguments) {
        GatewayAddress address = GatewayAddress.read(arguments[0]);
        if (address == null) System.exit(1);
        System.out.println(address.origin());
    }
}
